"""The peers of bench-duplicates, in an environment of their own.

Usage: duplicates_peers.py hashing FOLDER | search FILE.npy | quality FOLDER | hashes FOLDER PLACE
All end with a line of JSON: what was found, and in how many `seconds`.
"""

import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

WITHIN = 10


def hashing(folder: str) -> dict[str, Any]:
    from imagededup.methods import DHash

    method = DHash(verbose=False)
    files = sorted(Path(folder).glob("*.jpg"))
    method.encode_image(image_file=files[0])
    begun = time.process_time()
    for file in files:
        method.encode_image(image_file=file)
    return {"seconds": time.process_time() - begun}


def search(file: str) -> dict[str, Any]:
    from imagededup.methods import DHash

    known = {str(number): bits.tobytes().hex() for number, bits in enumerate(np.load(file))}
    begun = time.perf_counter()
    found = DHash(verbose=False).find_duplicates(
        encoding_map=known, max_distance_threshold=WITHIN, search_method="brute_force_cython", num_dist_workers=len(os.sched_getaffinity(0))
    )
    seconds = time.perf_counter() - begun
    return {
        "seconds": seconds,
        "pairs": sorted({tuple(sorted((int(one), int(other)))) for one, others in found.items() for other in others}),
    }


def quality(folder: str) -> dict[str, Any]:
    from cleanvision import Imagelab

    begun = sum(os.times()[:4])
    lab = Imagelab(data_path=folder)
    lab.find_issues(n_jobs=1, verbose=False)
    seconds = sum(os.times()[:4]) - begun
    kinds = {name.removeprefix("is_").removesuffix("_issue"): lab.issues[name] for name in lab.issues if name.startswith("is_")}
    return {"seconds": seconds, "kinds": {kind: [Path(file).name for file in flags.index[flags]] for kind, flags in kinds.items()}}


def hashes(folder: str, place: str) -> dict[str, Any]:
    import imagehash
    import pdqhash
    from PIL import Image

    found: dict[str, list[Any]] = {"PDQ": [], "pHash 16": []}
    for picture in sorted(Path(folder).glob("*.jpg")):
        image = Image.open(picture).convert("RGB")
        found["PDQ"].append(pdqhash.compute(np.asarray(image))[0] > 0)
        found["pHash 16"].append(imagehash.phash(image, 16).hash.ravel())
    for name, bits in found.items():
        np.save(Path(place, f"{name}.npy"), np.array(bits, bool))
    return {}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    ways: dict[str, Callable[..., dict[str, Any]]] = {"hashing": hashing, "search": search, "quality": quality, "hashes": hashes}
    with contextlib.redirect_stdout(sys.stderr):
        said = ways[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(said))
