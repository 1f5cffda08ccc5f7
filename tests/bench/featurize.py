"""bench-featurize: pictures to vectors with ResNet-50, against pure inference and against timm with a DataLoader.

Ours is the featurize step on one shard in a folder store: it reads and checks the shard, loads the
network (part of its time), decodes, prepares, infers, writes. Pure inference is the same network in
the same onnxruntime with as many threads, on batches that lie ready. timm's import, network and
workers are warm before its time begins. All take turns; the best round of each counts, because the
others say how busy the machine was with something else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from common import artifact, model, records, shards
from common.artifact import Artifact, seal
from common.model import CARD_FILE, FEATURES, MODEL_FILE
from common.records import Recipe
from common.store import Store
from common.store.local import LocalStore
from tests.bench import resnet
from tests.bench.photographs import photograph
from tests.bench.rounds import alternate, best, seconds
from tests.bench.rows import Bench, Row, below, emit, machine, more, processor_has, say
from tests.support.rooms import commit, defaults, run_step

PICTURES, PER_SHARD, THREADS, WORKERS, ROUNDS = 256, 128, 2, 2, 4
ALLOWED_MIB = 64.0
OURS, PURE, TIMM = "featurize", "onnxruntime alone", "timm + DataLoader (2 workers, Pillow), fp32"
HERE = Path(__file__).parent

LIMITS = (
    "Per picture and core, inference takes about 34 ms, decoding 0.9 ms and preprocessing 1 ms; loading the network takes 0.2 to "
    "0.5 s of a run. onnxruntime's convolutions run near the processor's fp32 peak, so only fewer operations (bf16, int8) or a "
    "smaller network would move the first figure; decoding at half size would move the rest by 3 %, and change every vector."
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        say("featurize: writing ResNet-50 and pictures")
        store = LocalStore(Path(folder, "store"))
        backbone = make_backbone(store)
        rates = speed(store, backbone, Path(folder, "pictures"))
        rows = [
            more(f"ResNet-50, {PICTURES} JPEGs: end to end over pure inference", rates[OURS], rates[PURE], PURE, "pictures/s", 0.8),
            more(f"ResNet-50, {PICTURES} JPEGs: end to end", rates[OURS], rates[TIMM], TIMM, "pictures/s", 2.0),
            with_amx(rates),
            peak_memory(store, backbone),
        ]
    emit(Bench("featurize", machine(), tuple(rows)))


def speed(store: Store, backbone: Artifact, folder: Path) -> dict[str, float]:
    """Return pictures a second of all contenders."""
    snapshot = make_snapshot(store, PICTURES)
    write_files(folder)
    card = resnet.card(backbone.read(MODEL_FILE))
    network = model.load(backbone.read(MODEL_FILE), card)
    size = defaults().integer("featurize.batch")
    batch = np.random.default_rng(0).standard_normal((size, 3, resnet.RESOLUTION, resnet.RESOLUTION), np.float32)

    def ours() -> None:
        run_step(store, "featurize", {"snapshot": snapshot, "backbone": backbone}, unit=snapshot.units[0], threads=THREADS)

    def pure() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda _: network.run(batch, FEATURES), range(PICTURES // size)))

    with timm_peer(folder) as timm:
        times = best(alternate({OURS: partial(seconds, ours), PURE: partial(seconds, pure), TIMM: timm}, ROUNDS))
    return {name: PICTURES / taken for name, taken in times.items()}


def with_amx(rates: dict[str, float]) -> Row:
    """Return the row of processors that multiply bf16 matrices; we run fp32 on all, so there it is the fp32 figure."""
    what = f"ResNet-50, {PICTURES} JPEGs: end to end in bf16 on a processor with AMX"
    if processor_has("amx_bf16"):
        return more(f"{what} (we have fp32 only)", rates[OURS], rates[TIMM], TIMM, "pictures/s", 8.0)
    return Row(what, None, None, TIMM, "pictures/s", None, "not applicable: this processor has no AMX (elsewhere at least 8)")


def peak_memory(store: Store, backbone: Artifact) -> Row:
    """Return the peak of one shard of four times as many pictures; a limit is what fewer take, and a little."""
    what = f"peak memory, a shard of {4 * PER_SHARD} pictures"
    name = f"peak with {PER_SHARD} pictures + {ALLOWED_MIB:g} MiB"
    if not Path("/proc/self/status").exists():
        return Row(what, None, None, name, "MiB", None, "not applicable: this system does not tell a process's peak")
    few, many = (peak_mib(store, backbone, make_snapshot(store, count)) for count in (PER_SHARD, 4 * PER_SHARD))
    say(f"  peak: {few:.0f} MiB with {PER_SHARD} pictures, {many:.0f} MiB with {4 * PER_SHARD}")
    return below(what, many, few + ALLOWED_MIB, name, "MiB")


def peak_mib(store: Store, backbone: Artifact, snapshot: Artifact) -> float:
    """Return the peak resident memory of a process that featurizes the snapshot's first shard."""
    places = [[one.manifest.step, one.manifest.key] for one in (backbone, snapshot)]
    command = [sys.executable, "-m", "tests.bench.featurize", "peak", store.url, json.dumps(places)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout)


def tell_peak(url: str, places: str) -> None:
    """Featurize one shard and print this process's peak in MiB."""
    from common.store.open import open_store

    store = open_store(url)
    backbone, snapshot = (_found(store, step, key) for step, key in json.loads(places))
    run_step(store, "featurize", {"snapshot": snapshot, "backbone": backbone}, unit=snapshot.units[0], threads=THREADS)
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    print(int(line.split()[1]) / 1024)


def _found(store: Store, step: str, key: str) -> Artifact:
    manifest = artifact.find(store, step, key)
    assert manifest is not None, f"{step} {key} is not in the store"
    return Artifact(store, manifest)


@contextmanager
def timm_peer(folder: Path) -> Iterator[Callable[[], float]]:
    """Yield what asks timm for one pass over the folder, and returns its seconds."""
    uv = Path(sys.executable).parent / "uv"
    made = subprocess.run(["tools/peer", uv, "timm"], check=True, stdout=subprocess.PIPE, text=True, timeout=3600)
    command = [made.stdout.strip(), str(HERE / "peers/timm_featurize.py"), str(folder), str(WORKERS), str(THREADS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        asks, answers = child.stdin, child.stdout

        def once() -> float:
            asks.write("again\n")
            asks.flush()
            return float(answers.readline())

        assert answers.readline() == "ready\n"  # so that its warming up is in nobody's time
        yield once
        asks.close()


def make_backbone(store: Store) -> Artifact:
    data = resnet.resnet50()
    return commit(store, "refine", {MODEL_FILE: data, CARD_FILE: records.encode(resnet.card(data))})


def make_snapshot(store: Store, count: int) -> Artifact:
    """Return a snapshot of one shard."""
    packed = commit(store, "scrape/fetch", shards.pack(photograph(number) for number in range(count)))
    recipe = Recipe(step="scrape/snapshot", parameters={"pictures": count}, inputs={}, code="")
    return Artifact(store, seal(store, recipe, [("shard-0", packed.manifest)], "bench"))


def write_files(folder: Path) -> None:
    folder.mkdir()
    for number in range(PICTURES):
        (folder / f"{number:05d}.jpg").write_bytes(photograph(number).data)


if __name__ == "__main__":
    if sys.argv[1:2] == ["peak"]:
        tell_peak(*sys.argv[2:])
    else:
        main()
