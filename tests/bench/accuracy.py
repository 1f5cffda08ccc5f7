"""`make bench-accuracy`: how often our networks are right, written to docs/accuracy.md.

Fabrics are photographs of garments (in the folder that FABRICS names), each garment scored by a classifier that saw none of it: one that
is fitted without it, or, where a network would have to be refined anew for each, one of FABRIC_SPLITS that leave some out;
scenes are rendered as the own backbone's pictures were, from other numbers; fashionTexture is rendered, split anew SPLITS times. Runs
lie in a store beside other caches, so a second call finds what the first one did. Refinement takes hours without a GPU: it is
left out unless REFINED=1 asks for it, and its rows say so.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from scipy import stats

from common.compare import scores_by_id
from common.dataset import Score
from common.metrics.intervals import COVERAGE, Draws, Figure
from common.metrics.paired import difference
from common.runs import Known
from common.store import Store
from common.store.local import LocalStore
from jobs.controller import act, adding, backbones, history, runs
from jobs.controller.adding import Given
from jobs.pretrain.patterns import PATTERNS
from jobs.pretrain.scenes import picture
from tests.bench import caches
from tests.bench.rows import machine, say
from tests.support import weights

PAGE = Path("docs/accuracy.md")
SPLITS, RATIO = 10, 0.75
FABRIC_SPLITS = 6
SCENE_KINDS, SCENES_EACH, SCENE_SIDE, FIRST_SCENE = ("dotted", "floral", "geometric", "striped"), 225, 256, 700_000_000
SCENE_SPLITS, SCENE_RATIO = 5, 0.2
RESAMPLES = 1000
RANDOM = "random-resnet18"
FIXED = "own backbone, fixed (pattern-net)"
FABRICS: Mapping[str, Sequence[str]] = {
    "bank of filters (gabor-texture)": ["refine.backbone=gabor-texture"],
    "random network (ResNet-18 at 224)": [f"refine.backbone={RANDOM}"],
    FIXED: ["refine.backbone=pattern-net"],
}
TUTORIAL: Mapping[str, float] = {"svm": 88.92, "dnn": 92.35, "svmDnnRefined": 93.07}
"""The original's figures of 2017, in percent, on shops' photographs of the same three classes: another test set."""
UNTRAINED = (f"refine.backbone={RANDOM}", "refine.inputResolution=64")
UNTRAINED_SVM = "random network (ResNet-18 at 64), svm"
RENDERED: Mapping[str, tuple[Sequence[str], str]] = {
    **{classifier: ([f"classifier={classifier}"], "svm") for classifier in TUTORIAL},
    UNTRAINED_SVM: ([*UNTRAINED, "classifier=svm"], UNTRAINED_SVM),
    "random network (ResNet-18 at 64), dnn": ([*UNTRAINED, "classifier=dnn"], UNTRAINED_SVM),
}
"""Settings by row, and the row that it is compared with."""
NOT_RUN = "not run (REFINED=1)"


@dataclass(frozen=True)
class Setup:
    """Where runs lie, and what is asked for."""

    store: Store
    fabrics: Path
    refined: bool

    def run(self, dataset: str, source: str, sets: Sequence[str]) -> Known | None:
        """Return a run with these settings, which has ended; None where it takes a refinement that is not asked for."""
        if not self.refined and any(one.startswith("classifier=") and one != "classifier=svm" for one in sets):
            return None
        say(f"accuracy: {dataset} {' '.join(sets)}")
        known = act.submit(self.store, dataset, source, sets, None, {"listing": False, "failed": False, "known": False})
        if known.condition != runs.DONE:
            raise RuntimeError(f"{known.run.run} {known.condition}: {known.state.reason if known.state else ''}")
        return known

    def accuracy(self, dataset: str, source: str, sets: Sequence[str]) -> Figure | None:
        """Return the test accuracy of such a run."""
        known = self.run(dataset, source, sets)
        return Figure(**history.document(self.store, known)["metrics"]["test"]["accuracy"]) if known else None

    def scores(self, dataset: str, source: str, sets: Sequence[str]) -> dict[str, Score] | None:
        """Return the scored pictures of such a run by their ids."""
        known = self.run(dataset, source, sets)
        return scores_by_id(self.store, known) if known else None


@dataclass(frozen=True)
class Way:
    """Features, how often they were right, and how much more often than the fixed backbone's on the same pictures."""

    name: str
    accuracy: Figure | None
    more: Figure | None = None


def main() -> None:
    setup = Setup(LocalStore(caches.place("accuracy")), Path(os.environ["FABRICS"]), refined=os.environ.get("REFINED") == "1")
    add_random(setup.store)
    PAGE.write_text(page(on_fabrics(setup), on_scenes(setup, caches.place("scenes")), on_rendered(setup)), encoding="utf-8")
    say(f"wrote {PAGE}")


def add_random(store: Store) -> None:
    """Put a ResNet-18 with random weights into the store."""
    if RANDOM in backbones.names(store):
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "random.pth")
        path.write_bytes(weights.saved(weights.resnet()))
        adding.add(store, str(path), Given(name=RANDOM))


def on_fabrics(setup: Setup) -> list[Way]:
    """Return how each way did, with its interval over garments; nothing where the photographs are not here."""
    if not setup.fabrics.is_dir():
        return []
    fixed = {name: setup.accuracy("fabrics", str(setup.fabrics), sets) for name, sets in FABRICS.items()}
    return [Way(name, accuracy) for name, accuracy in fixed.items()] + [refined(setup, one) for one in TUTORIAL if one != "svm"]


def refined(setup: Setup, classifier: str) -> Way:
    """Return how refined networks did on the garments that the splits left out, each picture as it was scored first."""
    name = f"own backbone, refined ({classifier})"
    found: dict[str, Score] = {}
    for seed in range(FABRIC_SPLITS):
        more = setup.scores("fabrics", str(setup.fabrics), [*FABRICS[FIXED], f"classifier={classifier}", f"split.seed={seed}"])
        if more is None:
            return Way(name, None)
        found = more | found
    fixed = setup.scores("fabrics", str(setup.fabrics), FABRICS[FIXED]) or {}
    return Way(
        f"{name}, {len({one.group for one in found.values()})} garments", *over_garments([(one, fixed[at]) for at, one in found.items()])
    )


def over_garments(pairs: Sequence[tuple[Score, Score]]) -> tuple[Figure, Figure]:
    """Return the accuracy of the first of each pair, and what it is more than that of the second."""
    ours, others = zip(*pairs, strict=True)
    names = np.unique([name for one in (*ours, *others) for name in (one.label, one.predicted)])
    garments = np.unique([one.group for one in ours], return_inverse=True)[1].astype(np.int64)
    truth = np.searchsorted(names, [one.label for one in ours])
    first, second = (np.searchsorted(names, [one.predicted for one in side]) for side in (ours, others))
    draws = Draws(truth, garments, RESAMPLES)
    right = draws.weights @ np.bincount(garments, first == truth) / (draws.weights @ np.bincount(garments))
    return draws.share(right), difference(truth, first, second, garments, RESAMPLES)


def on_scenes(setup: Setup, folder: Path) -> list[Way]:
    """Return how often fixed features were right on rendered scenes, over the splits."""
    render_scenes(folder)
    found = []
    for name, sets in FABRICS.items():
        figures = [setup.accuracy("scenes", str(folder), [*sets, *split]) for split in splits(SCENE_SPLITS, SCENE_RATIO)]
        found.append(Way(name, resampled([one.value for one in figures if one is not None], SCENE_RATIO)))
    return found


def render_scenes(folder: Path) -> None:
    """Render SCENES_EACH pictures of each of SCENE_KINDS into a folder of its name, unless they are there."""
    if folder.is_dir():
        return
    kinds = [pattern.kind for pattern in PATTERNS.values()]
    left, number = dict.fromkeys(SCENE_KINDS, SCENES_EACH), FIRST_SCENE
    say("accuracy: rendering scenes")
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    for kind in SCENE_KINDS:
        (partial / kind).mkdir(parents=True)
    while any(left.values()):
        pixels, family = picture(number, SCENE_SIDE)
        if left.get(kinds[family], 0):
            left[kinds[family]] -= 1
            cv2.imwrite(str(partial / kinds[family] / f"{number}.png"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        number += 1
    partial.rename(folder)


def on_rendered(setup: Setup) -> dict[str, list[float] | None]:
    """Return each row's accuracies on the splits."""
    found: dict[str, list[float] | None] = {}
    for name, (sets, _) in RENDERED.items():
        figures = [setup.accuracy("fashionTexture", "", [*sets, *split]) for split in splits(SPLITS, RATIO)]
        found[name] = None if None in figures else [one.value for one in figures if one is not None]
    return found


def splits(count: int, ratio: float) -> list[list[str]]:
    """Return the settings of so many splits with this share to train on."""
    return [[f"split.seed={seed}", f"split.ratio={ratio}"] for seed in range(count)]


def resampled(values: Sequence[float], ratio: float = RATIO) -> Figure:
    """Return the mean over splits of one set of pictures, and its interval.

    Splits share pictures, so their spread is too small by half; Nadeau and Bengio's correction (2003) allows for that: the variance
    of the mean is that of the values times 1 / splits + test / train.
    """
    mean = float(np.mean(values))
    error = float(np.std(values, ddof=1)) * np.sqrt(1 / len(values) + (1 - ratio) / ratio)
    reach = float(stats.t.ppf((1 + COVERAGE) / 2, len(values) - 1)) * float(error)
    return Figure(value=mean, low=mean - reach, high=mean + reach)


def page(fabrics: Sequence[Way], scenes: Sequence[Way], rendered: Mapping[str, Sequence[float] | None]) -> str:
    """Return docs/accuracy.md."""
    lines = [
        "# Accuracy",
        "",
        f"`make bench-accuracy` wrote this page on {datetime.now(UTC):%Y-%m-%d}; do not edit it. Machine: {machine()}.",
        "The figures describe these pictures; intervals are 95 %.",
        "",
        "## Fabrics: photographs of garments, which the classifier has not seen",
        "",
    ]
    if fabrics:
        lines += [
            f"Fixed features are scored leaving one garment out, refined networks on those that {FABRIC_SPLITS} splits leave out.",
            "",
            "| features | accuracy (interval over garments) | less fixed, same pictures |",
            "|---|---|---|",
            *(f"| {one.name} | {_said(one.accuracy)} | {_points(one.more) if one.more else ''} |" for one in fabrics),
        ]
    else:
        lines += ["Not measured: the photographs were not on this machine."]
    lines += [
        "",
        f"## Scenes: {SCENES_EACH} renderings of each of {', '.join(SCENE_KINDS)}, {SCENE_SPLITS} splits",
        "",
        "Cloth near and far, printed, worn, beside another: drawn as the own backbone's pictures were, from numbers that it was not",
        f"trained on. A share of {SCENE_RATIO} is trained on.",
        "",
        "| features | accuracy (interval over splits) |",
        "|---|---|",
        *(f"| {one.name} | {_said(one.accuracy)} |" for one in scenes),
    ]
    lines += ["", f"## fashionTexture: rendered textures, {SPLITS} splits", ""]
    lines += [
        "The tutorial's figures are the original's of 2017 on shops' photographs: another test set, set beside ours for orientation.",
        "",
    ]
    lines += ["| classifier | accuracy (interval over splits) | less svm, same splits | the tutorial's |", "|---|---|---|---|"]
    for name, values in rendered.items():
        beside = RENDERED[name][1]
        svm = rendered.get(beside) if beside != name else None
        less = resampled([one - other for one, other in zip(values, svm, strict=True)]) if values and svm else None
        tutorial = f"{TUTORIAL[name]:.2f} %" if name in TUTORIAL else ""
        lines += [f"| {name} | {_said(resampled(values) if values else None)} | {_points(less) if less else ''} | {tutorial} |"]
    lines += ["", "Intervals over splits allow for the pictures that splits share (Nadeau & Bengio, 2003)."]
    return "\n".join(lines) + "\n"


def _said(one: Figure | None) -> str:
    return f"{100 * one.value:.1f} % ({100 * max(0.0, one.low):.1f}-{100 * min(1.0, one.high):.1f})" if one else NOT_RUN


def _points(one: Figure) -> str:
    return f"{100 * one.value:+.1f} points ({100 * one.low:+.1f} to {100 * one.high:+.1f})"


if __name__ == "__main__":
    main()
