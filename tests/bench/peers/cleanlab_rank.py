"""What people run: cleanlab on the same vectors. Runs in its own environment.

Usage: cleanlab_rank.py FILE. The file (.npz) holds vectors (n, d) and labels (n,); the answer is one line of JSON: a score for each
picture, higher for the more suspicious. Probabilities come from a logistic regression in cross-validation, as in cleanlab's tutorials; its
label quality and its outlier score (by neighbours) are ranked apart, and the worse rank of the two counts.
"""

import json
import sys

import numpy as np
from cleanlab.outlier import OutOfDistribution
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDS = 5


def main(file: str) -> None:
    given = np.load(file)
    vectors, labels = given["vectors"], given["labels"]
    standard = StandardScaler().fit_transform(vectors)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=400, C=0.1))
    probabilities = cross_val_predict(model, vectors, labels, cv=FOLDS, method="predict_proba")
    qualities = get_label_quality_scores(labels, probabilities), OutOfDistribution().fit_score(features=standard, verbose=False)
    ranks = [np.argsort(np.argsort(-quality, kind="stable"), kind="stable") for quality in qualities]
    print(json.dumps(np.maximum(*ranks).tolist()))


if __name__ == "__main__":
    main(sys.argv[1])
