"""Trains a small residual network with CNTK and saves it as the models of old were; it runs in CNTK's own interpreter (Python 3.6).

Usage: python3.6 cntk_models.py FILE SIDE NAME FEATURES: NAME is the last rectifier's; FEATURES.npz gets what it computes from pictures
0 to 255 less 114, pooled.
"""

import sys
import warnings

warnings.simplefilter("ignore")

import cntk as C  # noqa: E402, N812
import numpy as np  # noqa: E402


def layer(x, maps, side, stride):
    kernels = C.layers.Convolution2D((side, side), maps, strides=stride, pad=True, bias=False, activation=None)(x)
    return C.layers.BatchNormalization(map_rank=1, normalization_time_constant=64)(kernels)


def block(x, maps, stride, name=""):
    inner = layer(C.relu(layer(x, maps, 3, stride)), maps, 3, 1)
    return C.relu(inner + (x if stride == 1 else layer(x, maps, 1, stride)), name=name)


def main(path, side, name, features):
    C.cntk_py.set_fixed_random_seed(1)
    chance = np.random.RandomState(0)
    picture = C.input_variable((3, side, side), name="features")
    x = C.layers.MaxPooling((3, 3), strides=2, pad=True)(C.relu(layer(picture, 8, 7, 2)))
    last = block(block(block(x, 8, 1), 12, 2), 16, 2, name)
    z = C.layers.Dense(3, name="z")(C.layers.AveragePooling(last.shape[1:], name="z.x")(last))
    targets = C.input_variable(3)
    rates, momenta = C.learning_parameter_schedule(0.05), C.momentum_schedule(0.9)
    learner = C.momentum_sgd(z.parameters, rates, momenta)
    trainer = C.Trainer(z, (C.cross_entropy_with_softmax(z, targets), C.classification_error(z, targets)), [learner])
    for _ in range(12):
        kinds = chance.randint(0, 3, 12)
        shown = chance.uniform(-114, 141, (12, 3, side, side)).astype(np.float32) + (kinds * 30).reshape(-1, 1, 1, 1)
        trainer.train_minibatch({picture: shown.astype(np.float32), targets: np.eye(3, dtype=np.float32)[kinds]})
    z.save(path)
    shown = chance.uniform(-114, 141, (3, 3, side, side)).astype(np.float32)
    maps = C.combine([last]).eval({picture: shown})
    np.savez(features, shown=shown, features=maps.mean(axis=(2, 3)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
