"""Builds the images of the rooms with whichever engine this machine has, and says which they are.

Wheels are fetched here, by this machine's own pip with its own settings, and given to the build
as a folder (`images/Dockerfile`). What goes into an image has a digest, and the digest is in its
tag: what did not change is not built again, checkouts do not overwrite each other's images, and no
node runs an old one under a new one's name. `build/images.json` says which are the newest.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import Marker

from images import cntk
from jobs import __version__
from jobs.controller import graph

ROOT = Path(__file__).resolve().parents[1]
CONTEXT = ROOT / "build" / "context"
DOCKERFILE = ROOT / "images" / "Dockerfile"
RECORD = ROOT / "build" / "images.json"
VALUES = ROOT / "build" / "values.json"  # the same for `helm install --values`
# Large libraries that several rooms need; a room stands on the last shelf of which it needs everything.
SHELVES: Mapping[str, tuple[str, ...]] = {
    "arrays": ("numpy",),
    "tables": ("pyarrow",),
    "science": ("scipy",),
    "pictures": ("opencv-python-headless", "pillow"),
}
CNTK = "cntk"  # a shelf below refine alone
DEBIAN = "debian"
PYTHON = {"python_version": "3.11", "python_full_version": "3.11.2", "sys_platform": "linux", "implementation_name": "cpython"}
GLIBC = ("2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5")  # wheels for the C library of Debian bookworm, newest first
ENTRY = re.compile(r"^([a-z0-9-]+)==[^\s;]+(?: ; ([^\\]+?))? \\$")


SERVICES = ("lighttable", "serve")  # rooms that are no stages


class CannotBuild(Exception):
    """Something is missing that images are built with."""


def rooms() -> list[str]:
    """Return the rooms that have an image: every stage, every service, and the controller."""
    return [*(stage.name for stage in graph.rooms().stages), *SERVICES, "controller"]


@dataclass(frozen=True)
class Engine:
    """A program that builds images: docker, podman or buildah."""

    name: str

    def build(self, tag: str, *arguments: str) -> None:
        """Build from the context, with the same digest for the same content."""
        fixed = {"docker": [], "podman": ["--timestamp=0", "--layers"], "buildah": ["--timestamp=0", "--layers"]}[self.name]
        command = [self.name, "build", "--quiet", *fixed, "--tag", tag, *arguments, str(CONTEXT)]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotBuild(f"{' '.join(command)}\n{done.stdout}{done.stderr}")

    def inspect(self, tag: str) -> dict[str, Any] | None:
        """Return what the engine knows of an image, None if it does not have it."""
        words = ["inspect", "--type", "image"] if self.name == "buildah" else ["image", "inspect"]
        done = subprocess.run([self.name, *words, tag], capture_output=True, text=True, check=False)
        if done.returncode:
            return None
        found: Any = json.loads(done.stdout)
        one: dict[str, Any] = found[0] if isinstance(found, list) else found
        return one

    def environment(self) -> dict[str, str]:
        """Buildah needs no rights of its own to build in a chroot; the others ask a service or their own settings."""
        return {**os.environ, "BUILDAH_ISOLATION": os.environ.get("BUILDAH_ISOLATION", "chroot"), "DOCKER_BUILDKIT": "1"}


def find_engine(wanted: str = "") -> Engine:
    """Return the first engine that answers. Raises CannotBuild."""
    asks = {"docker": ["docker", "info"], "podman": ["podman", "info"], "buildah": ["buildah", "info"]}
    for name in [wanted] if wanted else asks:
        if shutil.which(name) and subprocess.run(asks[name], capture_output=True, timeout=60, check=False).returncode == 0:
            return Engine(name)
    raise CannotBuild(
        f"Building images needs {wanted or ', '.join(asks)} to answer here. On Debian, tools/debian-packages installs buildah."
    )


# --- the context ----------------------------------------------------------------------------


def entries(lock: Path) -> dict[str, str]:
    """Return name -> lines of a lock, those that count for the images' Python on Linux. Raises CannotBuild."""
    found: dict[str, str] = {}
    name = ""
    for line in lock.read_text(encoding="utf-8").splitlines():
        head = ENTRY.match(line)
        if head is None and not line.startswith("    "):
            raise CannotBuild(f"{lock}: {line!r} is no line of a lock; `make locks` writes it anew.")
        if head:
            counts = head[2] is None or Marker(head[2]).evaluate({**PYTHON, "platform_python_implementation": "CPython"})
            name = head[1] if counts else ""
        if name:
            found[name] = found.get(name, "") + line + "\n"
    return found


def needed(room: str, accelerator: str) -> dict[str, str]:
    """Return the entries of a room's lock; for an accelerator, with the libraries that use it."""
    found = entries(ROOT / "locks" / f"{room}.txt")
    if accelerator == "cpu":
        return found
    for extra in (extra for stage in graph.rooms().stages if stage.name == room for extra in stage.extras):
        found |= entries(ROOT / "locks" / f"{extra}.txt")
    if "onnxruntime" in found:
        del found["onnxruntime"]
        found |= entries(ROOT / "locks" / f"{accelerator}.txt")
    return found


@dataclass(frozen=True)
class Image:
    """One image: the one that it is built on ("" for the base image), and what it adds."""

    name: str
    parent: str
    adds: Mapping[str, str]
    is_room: bool

    @property
    def target(self) -> str:
        return "room" if self.is_room else CNTK if self.name == CNTK else "shelf" if self.parent else "base"


def plan(accelerator: str, *, with_cntk: bool = False) -> list[Image]:
    """Return the shelves, each upon the one before, then the rooms, each upon the last shelf of which it needs everything."""
    base = needed("base", accelerator)
    rooms_need = {room: needed(room, accelerator) for room in rooms()}
    every: dict[str, str] = {name: lines for need in rooms_need.values() for name, lines in need.items()}
    shelves = [Image("base", "", base, is_room=False)]
    holds = {"base": set(base)}
    for shelf, names in SHELVES.items():
        below = shelves[-1].name
        shelves.append(Image(shelf, below, {name: every[name] for name in names}, is_room=False))
        holds[shelf] = holds[below] | set(names)
    images = list(shelves)
    for room, need in rooms_need.items():
        parent = next(shelf.name for shelf in reversed(shelves) if holds[shelf.name] <= set(need))
        if room == "refine" and with_cntk:
            images.append(Image(CNTK, parent, {}, is_room=False))
        below = images[-1].name if images[-1].name == CNTK else parent
        images.append(Image(room, below, {name: lines for name, lines in need.items() if name not in holds[parent]}, is_room=True))
    return images


def lay_out(images: Sequence[Image], accelerator: str) -> None:
    """Put into the context what the Dockerfile takes from it."""
    locks = CONTEXT / "locks" / accelerator
    shutil.rmtree(locks, ignore_errors=True)
    locks.mkdir(parents=True)
    for image in images:
        (locks / f"{image.name}.txt").write_text("".join(image.adds[name] for name in sorted(image.adds)), encoding="utf-8")
    _fetch_wheels({name: lines for image in images for name, lines in image.adds.items()}, accelerator)
    _bring_pip()
    shutil.rmtree(CONTEXT / "code", ignore_errors=True)
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(CONTEXT / "code")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def _fetch_wheels(wanted: Mapping[str, str], accelerator: str) -> None:
    """Fetch every wheel once, with hashes checked; the build checks them again."""
    text = "".join(wanted[name] for name in sorted(wanted))
    stamp, union = CONTEXT / "wheels" / f".{accelerator}", CONTEXT / f"{accelerator}.txt"
    if stamp.is_file() and stamp.read_text() == text:
        return
    union.write_text(text, encoding="utf-8")
    machine = platform.machine()
    tags = [f"--platform=manylinux_{glibc}_{machine}" for glibc in GLIBC] + [f"--platform=manylinux2014_{machine}"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    command += ["--python-version=3.11", "--implementation=cp", *tags, f"--dest={CONTEXT / 'wheels'}", f"--requirement={union}"]
    subprocess.run(command, check=True)
    stamp.write_text(text)


def _bring_pip() -> None:
    """Take this environment's own pip along: it runs from its folder on any Python."""
    spec = importlib.util.find_spec("pip")
    if spec is None or spec.origin is None:
        raise CannotBuild("There is no pip in this environment; run make again, it sets one up.")
    shutil.rmtree(CONTEXT / "pip", ignore_errors=True)
    shutil.copytree(Path(spec.origin).parent, CONTEXT / "pip", ignore=shutil.ignore_patterns("__pycache__"))


# --- building -------------------------------------------------------------------------------


def build(
    wanted: Sequence[str], base_image: str, accelerator: str, engine: Engine, *, with_cntk: bool = False
) -> dict[str, dict[str, str]]:
    """Build what changed of the wanted rooms' images and their shelves; return and record what they are, by name."""
    images = plan(accelerator, with_cntk=with_cntk and "refine" in wanted)
    lay_out(images, accelerator)
    base_image = _debian(engine) if base_image == DEBIAN else base_image
    record: dict[str, dict[str, str]] = {}
    for image in images:
        if not image.is_room or image.name in wanted:
            record[image.name] = _build_one(image, record.get(image.parent), base_image, accelerator, engine)
    known = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    record = {**known, **record}
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    references = {name: one["image"] for name, one in record.items() if name in rooms()}
    VALUES.write_text(json.dumps({"image": {"references": references}}, indent=2) + "\n", encoding="utf-8")
    return record


def _build_one(image: Image, parent: Mapping[str, str] | None, base_image: str, accelerator: str, engine: Engine) -> dict[str, str]:
    files = [DOCKERFILE, CONTEXT / "locks" / accelerator / f"{image.name}.txt", *(CONTEXT.glob("code/*") if image.is_room else ())]
    files += cntk.MADE_OF if image.name == CNTK else ()
    made_of = _digest([parent["made_of"] if parent else base_image, image.name], files)
    tag = f"localhost/darkroom-{image.name}:{__version__}-{made_of[:12]}"
    if engine.inspect(tag):
        print(f"{tag}: unchanged", flush=True)
    else:
        started = time.monotonic()
        if image.name == CNTK:
            cntk.lay_out(CONTEXT / CNTK)
        given = {"BASE_IMAGE": base_image, "LOCK": image.name, "ACCELERATOR": accelerator}
        if parent:
            given["PARENT"] = parent["image"]
        words = [word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")]
        engine.build(tag, "--file", str(DOCKERFILE), "--target", image.target, *words)
        print(f"{tag}: built in {time.monotonic() - started:.1f} s", flush=True)
    return {"image": tag, "id": _id(engine.inspect(tag)), "made_of": made_of}


def _digest(words: Sequence[str], files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for data in [*(word.encode() for word in words), *(path.read_bytes() for path in files)]:
        digest.update(f"{len(data)}\0".encode() + data)
    return digest.hexdigest()


def _id(found: Mapping[str, Any] | None) -> str:
    """Return the digest of an image's configuration: the same wherever the image is carried, compressed or not."""
    told = found or {}
    return "sha256:" + str(told.get("FromImageID") or told.get("Id", "")).removeprefix("sha256:")


def _debian(engine: Engine) -> str:
    """Return a base image of Debian packages, made on this machine: no registry is asked."""
    done = subprocess.run([ROOT / "tools" / "debian-root"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBuild(done.stderr.strip())
    root = Path(done.stdout.strip())
    tag = f"localhost/darkroom-{root.stem}:1"
    if engine.inspect(tag) is None:
        shutil.copyfile(root, CONTEXT / "root.tar")
        (CONTEXT / "Debian").write_text("FROM scratch\nADD root.tar /\n", encoding="utf-8")
        engine.build(tag, "--file", str(CONTEXT / "Debian"))
        (CONTEXT / "root.tar").unlink()
    return tag


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m images.build", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"one of {', '.join(rooms())} (default: all)")
    parser.add_argument("--base-image", default="", help=f"an image with Python 3.11; {DEBIAN} makes one from Debian packages")
    parser.add_argument("--accelerator", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--cntk", action="store_true", help="give refine CNTK and its Python 3.6, from this machine's (tools/cntk)")
    parser.add_argument("--engine", choices=["docker", "podman", "buildah"], default="")
    options = parser.parse_args()
    if unknown := set(options.rooms) - set(rooms()):
        parser.error(f"there is no room {', '.join(sorted(unknown))}")
    try:
        base_image = options.base_image or "python:3.11-slim-bookworm"
        build(options.rooms or rooms(), base_image, options.accelerator, find_engine(options.engine), with_cntk=options.cntk)
    except (CannotBuild, cntk.Missing) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
