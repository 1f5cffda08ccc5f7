"""bench-duplicates: which pictures are the same and what is amiss with them, against imagededup, PDQ, pHash 16 and cleanvision.

Hashing and flags are the work of `dedup/hash` on one thread, from the bytes of JPEGs of some 64 KB; processor seconds, in turns, the
best round counts. imagededup hashes with DHash and searches with its compiled brute force on all cores; ours finds the same pairs, or
the bench fails. cleanvision looks for all that it knows, at its own thresholds, which ours are as well: so do a hash and our measures;
what dedup keeps of a picture beside, for curate, is in a row of its own. Of the transforms, a copy counts as found that dedup says is
the same as its original; by the peers' hashes one that lies nearer to it than any two different originals lie to each other: all make
no false pair here. Originals are photographs (FABRICS) and renderings; those that our gate calls plain are left out for all. What
curate finds by vectors, looks and thumbnails stands beside. Of a folder of classes with planted copies, dedup says which are the same,
and cleanvision, too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import images
from common.dataset import LABEL_CONFLICT, entries_of
from common.store.memory import MemoryStore
from common.tables import read_table
from jobs.curate.copies import likely
from jobs.dedup import flags, frequencies, hashes, looks, quality, search, thumbnails
from tests.bench import copies, gallery
from tests.bench.planted import shipped, vector_of
from tests.bench.rounds import alternate, best
from tests.bench.rows import Bench, Row, below, emit, faster, machine, more, no_worse, say
from tests.support.judged import of_one_class
from tests.support.rooms import defaults
from tests.support.scraped import snapshot_of, version_of

PICTURES, ROUNDS, RENDERINGS = 256, 3, 100
GARMENTS, PDQ_DISTANCE = 1000, 31
PLANTED, CLASSES = 1000, ("one", "two", "three", "four")
NEAR = ("JPEG 30", "JPEG 75", "resize 0.25", "resize 1.5", "blur 2", "gamma 0.6", "gamma 1.7", "noise 0.05", "watermark")
"""What makes near-duplicates of pictures: what a shop or a search engine does to them."""
BY_VECTORS = ("crop", "rotate", "mirror")
EQUAL = 8
"""Up to so many bits apart, pictures that nobody planted are the same: there is one pair among the photographs."""
SEARCHED, WITHIN, LARGE = 20_000, 10, 100_000
GROWTH = (50_000, 100_000, 200_000, 1_000_000)
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
    "Neither finds much of what was cropped or padded by a fifth or turned by ten degrees, of which as many bits change as between any two "
    "pictures: that takes more than a hash. cleanvision calls pictures greyscale that have one channel; ours also those whose three "
    "channels are alike."
)
PEERS = ("PDQ", "pHash 16")
Bits = NDArray[np.bool_]


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rows = [*hashing(folder), *searching(folder), *recall(folder), *planted(folder / "planted"), *garments(), *verdicts(folder)]
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

    def flagged(*, all_of_it: bool = False) -> float:
        begun = time.process_time()
        for data in pictures:
            seen = hashes.look_at(data)
            hashes.hash_picture("", data, seen)
            quality.measure("", seen)
            if all_of_it:
                looks.look(seen.image)
                thumbnails.thumbnail(seen.image)
        return time.process_time() - begun

    contenders = {
        "hash": hashed,
        "hash and flags": flagged,
        "all": lambda: flagged(all_of_it=True),
        "imagededup": lambda: float(peers("hashing", place)["seconds"]),
        "cleanvision": lambda: float(peers("quality", place)["seconds"]),
    }
    rates = {name: PICTURES / seconds for name, seconds in best(alternate(contenders, ROUNDS)).items()}
    imagededup, cleanvision = rates["imagededup"], rates["cleanvision"]
    unit = "pictures/s of a core"
    return [
        more("hashing JPEGs", rates["hash"], imagededup, "imagededup 0.3.3, DHash", unit, 4.0),
        more("hashing and flags", rates["hash and flags"], cleanvision, "cleanvision 0.3.7, all issues", unit, 10.0),
        Row(
            "all that dedup keeps of a picture",
            round(rates["all"], 1),
            round(cleanvision, 1),
            "cleanvision 0.3.7, all issues",
            unit,
            None,
            "for orientation",
        ),
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
    power = float(np.polyfit(np.log(GROWTH), np.log(seconds), 1)[0])
    return [
        faster(f"all pairs of {SEARCHED:,} hashes of 64 bits, {len(found):,} found by both", ours, theirs["seconds"], "imagededup", 100.0),
        below(f"peak memory, all pairs of {LARGE:,} hashes of 256 bits", mib[GROWTH.index(LARGE)], 1024, "budget", "MiB"),
        below(f"time grows with this power of the number, up to {GROWTH[-1]:,}", power, 2.2, "square", "power"),
        below("all pairs of a million hashes of 256 bits", seconds[-1] / 60, 60, "budget", "minutes"),
        Row("peak memory, all pairs of a million hashes of 256 bits", round(mib[-1]), None, "", "MiB", None, "for orientation"),
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
    distance = search.reach(count, defaults().integer("dedup.distance"))
    list(search.near(bits[:2], bits[:2], distance))
    begun = time.perf_counter()
    found = sum(len(later) for later, _, _ in search.near(bits, bits, distance))
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
    plain = _hashed("", sets[""])
    ours = {name: _said_same(plain, _hashed(name, pictures)) for name, pictures in sets.items() if name}
    found = {name: _peers_hashes(folder / f"transform-{number}", pictures) for number, (name, pictures) in enumerate(sets.items())}
    theirs = found.pop("")
    limits = {name: _nearest(bits) - 1 for name, bits in theirs.items()}
    say(f"  {len(originals)} originals; no false pair up to {limits}")
    beside = {name: {how: _share(theirs[how], bits[how], limits[how]) for how in PEERS} for name, bits in found.items()}
    rows = [no_worse(f"found after {name}", share, beside[name]["PDQ"], "PDQ", "%", 1.0) for name, (share, _) in ours.items()]
    rows += [
        Row(f"found after {name}", share, beside[name]["pHash 16"], "pHash 16", "%", None, "for orientation")
        for name, (share, _) in ours.items()
    ]
    false, worn = (max(one[kind] for _, one in ours.values()) for kind in (0, 1))
    rows.append(Row("other pictures said to be the same, at most", float(false), 0.0, "most", "pairs", 0.0 if false else 1.0, 1.0))
    rows.append(Row("copies of other pictures said to be the same, at most", float(worn), 0.0, "none", "pairs", None, "for orientation"))
    return [*rows, *by_vectors(sets)]


Hashed = tuple[list[hashes.Hash], NDArray[np.uint8]]


def _hashed(name: str, pictures: Sequence[bytes]) -> Hashed:
    """Return hashes and thumbnails as dedup takes them."""
    looked = [hashes.look_at(data) for data in pictures]
    known = [hashes.hash_picture(f"{name} {at}", data, seen) for at, (data, seen) in enumerate(zip(pictures, looked, strict=True))]
    return known, thumbnails.matrix([thumbnails.thumbnail(seen.image) for seen in looked])


def _said_same(plain: Hashed, copied: Hashed) -> tuple[float, tuple[int, int]]:
    """Return of how many originals (percent) dedup says that the copy is the same.

    And of how many other pairs it says so: of an original with another or with another's copy, and of two copies that may
    wear the same watermark or frame.
    """
    known, count = [*plain[0], *copied[0]], len(plain[0])
    small = thumbnails.Thumbnails([one.id for one in known], np.concatenate([plain[1], copied[1]]))
    said = list(search.pairs(known, defaults().integer("dedup.distance"), thumbnails=small))
    equal = {(i, j) for i, j, _, apart in said if j < count and apart <= EQUAL}
    other = [(i, j) for i, j, *_ in said if i % count != j % count and tuple(sorted((i % count, j % count))) not in equal]
    worn = sum(i >= count for i, _ in other)
    return round(100 * sum(j == i + count for i, j, *_ in said) / count, 1), (len(other) - worn, worn)


def by_vectors(sets: Mapping[str, Sequence[bytes]]) -> list[Row]:
    """Return rows of what curate finds that no hash finds: each transform's copies among all originals."""
    say("duplicates: vectors")
    plain, count = _seen(sets[""]), len(sets[""])
    found: dict[str, float] = {}
    false = 0
    for name in (name for name in sets if name.startswith(BY_VECTORS)):
        vectors, seen, small = (np.concatenate([one, other]) for one, other in zip(plain, _seen(sets[name]), strict=True))
        pairs = {(i, j) for i, j, _ in likely(of_one_class(vectors, seen), small.astype(np.uint8))}
        right = {(at, at + count) for at in range(count)}
        found[name] = round(100 * len(pairs & right) / count, 1)
        false = max(false, len(pairs - right))
    rows = [Row(f"found by curate after {name}", share, None, "", "%", None, "for orientation") for name, share in found.items()]
    for word in BY_VECTORS:
        mean = float(np.mean([share for name, share in found.items() if name.startswith(word)]))
        rows.append(Row(f"found by curate, mean of {word}", round(mean, 1), 80.0, "least", "%", round(mean / 80, 3), 1.0))
    return [*rows, Row(f"most other pairs of {2 * count} pictures", float(false), None, "", "pairs", None, "for orientation")]


def _seen(pictures: Sequence[bytes]) -> tuple[NDArray[np.float64], ...]:
    """Return vectors, looks and thumbnails of pictures."""
    card, network = shipped()
    vectors = [vector_of(network, card, images.decode(one)) for one in pictures]
    seen = [hashes.look_at(one).image for one in pictures]
    rows = vectors, [looks.look(one) for one in seen], [thumbnails.thumbnail(one) for one in seen]
    return tuple(np.array(kind, np.float64) for kind in rows)


def _peers_hashes(place: Path, pictures: Sequence[bytes]) -> dict[str, Bits]:
    """Return the peers' bits by hash, (n, 256) each."""
    _written(place, pictures)
    peers("hashes", place, place)
    return {name: np.load(place / f"{name}.npy") for name in PEERS}


def _nearest(bits: Bits) -> int:
    """Return how near two different pictures come; equal ones do not count."""
    apart = np.array([np.count_nonzero(bits ^ one, axis=1) for one in bits])
    return int(apart[apart > EQUAL].min())


def _share(originals: Bits, copied: Bits, limit: int) -> float:
    return round(100 * float((np.count_nonzero(originals ^ copied, axis=1) <= limit).mean()), 1)


def planted(folder: Path) -> list[Row]:
    """Return the rows of copies planted in a folder of classes: what dedup makes of them, with cleanvision beside."""
    say("duplicates: planted copies")
    copied, crossed = _plant(folder)
    store = MemoryStore()
    version = version_of(store, snapshot_of(store, folder, shard_pictures=128))
    entries = {entry.name: entry for entry in entries_of(version)}
    names = {entry.id: entry.name for entry in entries.values()}
    known = {frozenset(pair) for pair in {**copied, **crossed}.items()}
    merged = {
        frozenset((names[one.one], names[one.other])) for one in read_table(version.read(search.SAME), search.Same) if one.apart > EQUAL
    }
    flat = _written(folder.parent / "flat", [(folder / name).read_bytes() for name in entries])
    theirs = peers("quality", flat)["kinds"]
    flagged = {int(Path(name).stem) for kind in ("near_duplicates", "exact_duplicates") for name in theirs[kind]}
    seen = {name for place, name in enumerate(entries) if place in flagged}

    def share(found: int, of: int) -> float:
        return round(100 * found / of, 1)

    together = sum(entries[one].group == entries[other].group for one, other in copied.items())
    conflicts = sum(entries[one].reason.startswith(LABEL_CONFLICT) for one in crossed)
    near, across, all_of_them = share(together, len(copied)), share(conflicts, len(crossed)), len(copied) + len(crossed)
    beside = share(len(seen & {*copied, *crossed}), all_of_them)
    false = len(merged - known)
    what = f"of {len(entries):,} pictures, {len(copied)} of them near-duplicates and {len(crossed)} copies under another class"
    return [
        Row(f"near-duplicates found, {what}", near, 98.0, "least", "%", round(near / 98, 3), 1.0),
        Row(f"label conflicts found, {what}", across, 100.0, "least", "%", round(across / 100, 3), 1.0),
        Row("both", share(together + conflicts, all_of_them), beside, "cleanvision 0.3.7", "%", None, "for orientation"),
        Row(f"pairs merged falsely, {what}", float(false), 0.0, "most", "pairs", 0.0 if false else 1.0, 1.0),
    ]


def garments() -> list[Row]:
    """Return the row of garments in two prints that are taken for one picture, with what the hash alone takes them for beside."""
    say("duplicates: garments in two prints")
    known, rows = _hashed("", [copies.jpeg(one) for number in range(GARMENTS) for one in copies.two_prints(number)])
    small = thumbnails.Thumbnails([one.id for one in known], rows)
    same = [i for i, j, *_ in search.pairs(known, defaults().integer("dedup.distance"), thumbnails=small) if i % 2 == 0 and j == i + 1]
    alone = [i for i, j, *_ in search.pairs(known, PDQ_DISTANCE) if i % 2 == 0 and j == i + 1]
    what = f"one garment in two prints taken for one picture, of {GARMENTS}"
    return [Row(what, float(len(same)), float(len(alone)), f"the hash alone, {PDQ_DISTANCE} bits", "pairs", None, "for orientation")]


def _plant(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Write classes of pictures; return which are copies of which within their class, and under another."""
    rng = np.random.default_rng(2)
    originals = list(copies.originals(PLANTED))
    names = [f"{CLASSES[at % len(CLASSES)]}/{at:05d}.jpg" for at in range(len(originals))]
    files = dict(zip(names, (copies.jpeg(one) for one in originals), strict=True))
    order, ways = rng.permutation(len(originals)), [copies.TRANSFORMS[name] for name in NEAR]
    twice, other = round(0.1 * len(originals)), round(0.03 * len(originals))
    copied: dict[str, str] = {}
    crossed: dict[str, str] = {}
    for number, at in enumerate(order[: twice + other]):
        label = names[at].partition("/")[0]
        inside = number < twice
        name = f"{label if inside else CLASSES[(CLASSES.index(label) + 1) % len(CLASSES)]}/{at:05d}-again.jpg"
        (copied if inside else crossed)[name] = names[at]
        files[name] = ways[number % len(ways)](originals[at])
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return copied, crossed


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
