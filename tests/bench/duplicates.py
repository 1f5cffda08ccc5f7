"""bench-duplicates: which pictures are the same and what is amiss with them, against imagededup, PDQ, pHash 16 and cleanvision.

Hashing and flags are the work of `dedup/hash` on one thread, from the bytes of JPEGs of some 64 KB; processor seconds, in turns, the
best round counts. imagededup hashes with DHash and searches with its compiled brute force on all cores; ours finds the same
pairs, or the bench fails. Of the transforms, a copy counts as found that lies nearer to its original than any two different originals
lie to each other by the same hash: every hash has the distance at which it makes no false pair here. Originals are photographs
(FABRICS) and renderings; those that our gate calls plain are left out for all. cleanvision looks for all that it knows,
at its own thresholds, which ours are as well.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.dedup import flags, frequencies, hashes, quality, search
from tests.bench import copies, gallery
from tests.bench.rounds import alternate, best
from tests.bench.rows import Bench, Row, below, emit, faster, machine, more, no_worse, say
from tests.support.rooms import defaults

PICTURES, ROUNDS, RENDERINGS = 256, 3, 100
SEARCHED, WITHIN, LARGE = 20_000, 10, 100_000
GROWTH = (25_000, 50_000, 100_000, 200_000)
KINDS = {
    "dark": "dark",
    "light": "light",
    "blurry": "blurry",
    "low-information": "low_information",
    "odd-aspect": "odd_aspect_ratio",
    "greyscale": "grayscale",
    "odd-size": "odd_size",
}
LIMITS = (
    "Neither hash finds much of what was cropped, padded or rotated: that takes a network's vectors. cleanvision calls pictures greyscale "
    "that have one channel; ours also those whose three channels are alike."
)
PEERS = ("PDQ", "pHash 16")
Bits = NDArray[np.bool_]


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rows = [*hashing(folder), *searching(folder), *recall(folder), *verdicts(folder)]
    emit(Bench("duplicates", machine(), tuple(rows)))


def peers(*words: object) -> dict[str, Any]:
    """Run one of the peers in its environment."""
    uv = Path(sys.executable).parent / "uv"
    python = subprocess.run(["tools/peer", uv, "duplicates"], check=True, stdout=subprocess.PIPE, text=True, timeout=3600).stdout.strip()
    command = [python, str(Path(__file__).parent / "peers/duplicates_peers.py"), *map(str, words)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=3600)
    found: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return found


def hashing(folder: Path) -> list[Row]:
    """Return the rows of pictures a second of one core, hashed and flagged."""
    say(f"duplicates: hashing {PICTURES} pictures")
    pictures = [gallery.picture(number) for number in range(PICTURES)]
    place = _written(folder / "gallery", pictures)

    def hashed() -> float:
        begun = time.process_time()
        for data in pictures:
            hashes.hash_picture("", data, hashes.look_at(data))
        return time.process_time() - begun

    def flagged() -> float:
        begun = time.process_time()
        for data in pictures:
            seen = hashes.look_at(data)
            hashes.hash_picture("", data, seen)
            quality.measure("", seen)
        return time.process_time() - begun

    contenders = {
        "hash": hashed,
        "hash and measures": flagged,
        "imagededup": lambda: float(peers("hashing", place)["seconds"]),
        "cleanvision": lambda: float(peers("quality", place)["seconds"]),
    }
    rates = {name: PICTURES / seconds for name, seconds in best(alternate(contenders, ROUNDS)).items()}
    imagededup, cleanvision = rates["imagededup"], rates["cleanvision"]
    unit = "pictures/s of a core"
    return [
        more("hashing JPEGs", rates["hash"], imagededup, "imagededup 0.3.3, DHash", unit, 4.0),
        more("hashing, all measures and flags", rates["hash and measures"], cleanvision, "cleanvision 0.3.7, all issues", unit, 10.0),
    ]


def searching(folder: Path) -> list[Row]:
    """Return the rows of the search: against brute force, within memory, and how it grows."""
    say(f"duplicates: searching {SEARCHED} hashes of 64 bits")
    bits = synthetic(SEARCHED, 8)
    np.save(folder / "bits.npy", bits)
    theirs = peers("search", folder / "bits.npy")
    list(search.near(bits[:2], bits[:2], WITHIN))  # libraries are loaded, as the peer's are
    begun = time.perf_counter()
    found = sorted((int(i), int(j)) for later, earlier, _ in search.near(bits, bits, WITHIN) for j, i in zip(later, earlier, strict=True))
    ours = time.perf_counter() - begun
    assert found == [tuple(pair) for pair in theirs["pairs"]], "the pairs must be the same"
    seconds, mib = zip(*(_searched(count) for count in GROWTH), strict=True)
    power = float(np.polyfit(np.log(GROWTH[1:]), np.log(seconds[1:]), 1)[0])
    million = seconds[-1] * (1_000_000 / GROWTH[-1]) ** power
    return [
        faster(f"all pairs of {SEARCHED:,} hashes of 64 bits, {len(found):,} found by both", ours, theirs["seconds"], "imagededup", 100.0),
        below(f"peak memory, all pairs of {LARGE:,} hashes of 256 bits", mib[GROWTH.index(LARGE)], 1024, "budget", "MiB"),
        below(f"time grows with this power of the number, up to {GROWTH[-1]:,}", power, 2.2, "square", "power"),
        below("a million hashes of 256 bits by that law", million / 60, 60, "budget", "minutes"),
    ]


def _searched(count: int) -> tuple[float, float]:
    """Return seconds and peak memory (MiB) of all pairs, in a process of its own."""
    line = f"from tests.bench.duplicates import searched_alone; searched_alone({count})"
    said = subprocess.run([sys.executable, "-c", line], check=True, stdout=subprocess.PIPE, text=True, timeout=3600).stdout
    seconds, mib = (float(word) for word in said.split())
    say(f"  {count:,}: {seconds:.1f} s, {mib:.0f} MiB")
    return seconds, mib


def searched_alone(count: int) -> None:
    import resource

    bits = synthetic(count, hashes.BYTES)
    list(search.near(bits[:2], bits[:2], 31))
    begun = time.perf_counter()
    found = sum(len(later) for later, _, _ in search.near(bits, bits, 31))
    assert found >= count // 25
    print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def synthetic(count: int, wide: int) -> NDArray[np.uint8]:
    """Return random hashes, of which a twentieth are near copies of others."""
    random = np.random.default_rng(1)
    bits = random.integers(0, 256, (count, wide), dtype=np.uint8)
    copied = random.permutation(count)[: count // 20 * 2].reshape(2, -1)
    bits[copied[0]] = bits[copied[1]]
    bits[copied[0], 0] ^= random.integers(0, 8, copied.shape[1], dtype=np.uint8)
    return bits


def recall(folder: Path) -> list[Row]:
    """Return a row for each transform: how many copies are found."""
    say("duplicates: transforms")
    originals = [one for one in copies.originals(RENDERINGS) if frequencies.content(frequencies.of(one)) >= hashes.LEAST_CONTENT]
    sets = {"": [copies.jpeg(one, 95) for one in originals]}
    sets |= {name: [how(one) for one in originals] for name, how in copies.TRANSFORMS.items()}
    found = {name: _all_hashes(folder / f"transform-{number}", pictures) for number, (name, pictures) in enumerate(sets.items())}
    plain = found.pop("")
    limits = {name: _nearest(bits) - 1 for name, bits in plain.items()}
    say(f"  {len(originals)} originals; no false pair up to {limits}")
    shares = {name: {how: _share(plain[how], bits[how], limits[how]) for how in limits} for name, bits in found.items()}
    rows = [no_worse(f"found after {name}", one["ours"], one["PDQ"], "PDQ", "%", 1.0) for name, one in shares.items()]
    rows += [
        Row(f"found after {name}", one["ours"], one["pHash 16"], "pHash 16", "%", None, "for orientation") for name, one in shares.items()
    ]
    return rows


def _all_hashes(place: Path, pictures: Sequence[bytes]) -> dict[str, Bits]:
    """Return bits by hash, (n, 256) each."""
    _written(place, pictures)
    peers("hashes", place, place)
    ours = hashes.matrix([hashes.hash_picture("", data, hashes.look_at(data)) for data in pictures])
    return {"ours": np.unpackbits(ours, axis=1).astype(bool), **{name: np.load(place / f"{name}.npy") for name in PEERS}}


def _nearest(bits: Bits) -> int:
    """Return how near two different pictures come; equal ones (there is one pair among the photographs) do not count."""
    apart = np.array([np.count_nonzero(bits ^ one, axis=1) for one in bits])
    return int(apart[apart > 8].min())


def _share(originals: Bits, copied: Bits, limit: int) -> float:
    return round(100 * float((np.count_nonzero(originals ^ copied, axis=1) <= limit).mean()), 1)


def verdicts(folder: Path) -> list[Row]:
    """Return a row for each kind of cleanvision's: on how many pictures both say the same."""
    say("duplicates: verdicts")
    pictures = []
    for number, one in enumerate(copies.originals(RENDERINGS)):
        pictures.append(copies.jpeg(one))
        pictures.append(copies.jpeg(list(copies.BAD.values())[number % len(copies.BAD)](one)))
    place = _written(folder / "verdicts", pictures)
    theirs = peers("quality", place)["kinds"]
    measures = [quality.measure(file.name, hashes.look_at(file.read_bytes())) for file in sorted(place.glob("*.jpg"))]
    ours = flags.flags_of(measures, defaults())
    rows = []
    for kind, their_kind in KINDS.items():
        mine, peer = {name for name, kinds in ours.items() if kind in kinds}, set(theirs[their_kind])
        equal = 1 - len(mine ^ peer) / len(measures)
        what = f"equal verdicts, {kind}: {len(mine)} by ours, {len(peer)} by cleanvision's, of {len(measures)}"
        rows.append(Row(what, round(equal, 3), 0.95, "least", "share", round(equal / 0.95, 3), 1.0))
    return rows


def _written(place: Path, pictures: Sequence[bytes]) -> Path:
    place.mkdir()
    for number, data in enumerate(pictures):
        (place / f"{number:05d}.jpg").write_bytes(data)
    return place


if __name__ == "__main__":
    main()
