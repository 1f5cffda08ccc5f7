"""Builds the images of the rooms with whichever engine this machine has, and says which they are.

Wheels are fetched here, by this machine's own pip with its own settings, and given to the build
as a folder (`images/Dockerfile`). What goes into an image has a digest; an image that was made of
the same is not made again. `build/images.json` holds name, digest and size of each.
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

from jobs import __version__
from jobs.controller import graph

ROOT = Path(__file__).resolve().parents[1]
CONTEXT = ROOT / "build" / "context"
RECORD = ROOT / "build" / "images.json"
DEBIAN = "debian"
PYTHON = {"python_version": "3.11", "python_full_version": "3.11.2", "sys_platform": "linux", "implementation_name": "cpython"}
GLIBC = ("2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5")  # wheels for the C library of Debian bookworm, newest first
MADE_OF = "darkroom.made-of"
ENTRY = re.compile(r"^([a-z0-9-]+)==[^\s;]+(?: ; ([^\\]+?))? \\$")


class CannotBuild(Exception):
    """This machine lacks something that images are built with."""


def rooms() -> list[str]:
    """Return the rooms that have an image: every stage, and the controller."""
    return [*(stage.name for stage in graph.load().stages), "controller"]


@dataclass(frozen=True)
class Engine:
    """A program that builds images: docker, podman or buildah."""

    name: str

    def build(self, tag: str, arguments: Sequence[str], made_of: str) -> None:
        """Build from the context, with the same digest for the same content."""
        fixed = {"docker": [], "podman": ["--timestamp=0", "--layers"], "buildah": ["--timestamp=0", "--layers"]}[self.name]
        command = [self.name, "build", "--quiet", *fixed, "--label", f"{MADE_OF}={made_of}", "--tag", tag, *arguments, str(CONTEXT)]
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
    raise CannotBuild(f"Building images needs {wanted or ', '.join(asks)} to answer here. On Debian, tools/debian-packages installs buildah.")


# --- the context ----------------------------------------------------------------------------


def entries(lock: Path) -> dict[str, str]:
    """Return name -> lines of a lock, those that count for the images' Python on Linux."""
    found: dict[str, str] = {}
    name = ""
    for line in lock.read_text(encoding="utf-8").splitlines():
        if head := ENTRY.match(line):
            counts = head[2] is None or Marker(head[2]).evaluate({**PYTHON, "platform_python_implementation": "CPython"})
            name = head[1] if counts else ""
        if name:
            found[name] = found.get(name, "") + line + "\n"
    return found


def room_lock(room: str, accelerator: str) -> str:
    """Return what a room needs beside the base; for an accelerator with the libraries that use it."""
    base = entries(ROOT / "locks" / "base.txt")
    own = {name: lines for name, lines in entries(ROOT / "locks" / f"{room}.txt").items() if name not in base}
    if accelerator != "cpu" and own.pop("onnxruntime", None):
        own |= {name: lines for name, lines in entries(ROOT / "locks" / f"{accelerator}.txt").items() if name not in base}
    return "".join(own[name] for name in sorted(own))


def lay_out(accelerator: str) -> None:
    """Put into the context what the Dockerfile takes from it."""
    locks = CONTEXT / "locks"
    shutil.rmtree(locks, ignore_errors=True)
    locks.mkdir(parents=True)
    (locks / "base.txt").write_text("".join(entries(ROOT / "locks" / "base.txt").values()), encoding="utf-8")
    for room in rooms():
        (locks / f"{room}-{accelerator}.txt").write_text(room_lock(room, accelerator), encoding="utf-8")
    _fetch_wheels(accelerator)
    _bring_pip()
    for old in CONTEXT.glob("*.whl"):
        old.unlink()
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(CONTEXT)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def _fetch_wheels(accelerator: str) -> None:
    """Fetch every wheel of every lock once; the build checks their hashes again."""
    wanted = "".join(path.read_text(encoding="utf-8") for path in sorted((CONTEXT / "locks").iterdir()))
    stamp, mark = CONTEXT / "wheels" / f".{accelerator}", hashlib.sha256(wanted.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == mark:
        return
    lines = {name: text for path in sorted((CONTEXT / "locks").iterdir()) for name, text in entries(path).items()}
    union = CONTEXT / "all.txt"
    union.write_text("".join(lines.values()), encoding="utf-8")
    machine = platform.machine()
    tags = [f"--platform=manylinux_{glibc}_{machine}" for glibc in GLIBC] + [f"--platform=manylinux2014_{machine}"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    command += ["--python-version=3.11", "--implementation=cp", *tags, f"--dest={CONTEXT / 'wheels'}", f"--requirement={union}"]
    subprocess.run(command, check=True)
    stamp.write_text(mark)


def _bring_pip() -> None:
    """Take this environment's own pip along: it runs from its folder on any Python."""
    spec = importlib.util.find_spec("pip")
    if spec is None or spec.origin is None:
        raise CannotBuild("There is no pip in this environment; run make again, it sets one up.")
    shutil.rmtree(CONTEXT / "pip", ignore_errors=True)
    shutil.copytree(Path(spec.origin).parent, CONTEXT / "pip", ignore=shutil.ignore_patterns("__pycache__"))


# --- building -------------------------------------------------------------------------------


def build(wanted: Sequence[str], base_image: str, accelerator: str, engine: Engine) -> dict[str, dict[str, Any]]:
    """Build what changed of the wanted images; return what there is to know of each, by room."""
    lay_out(accelerator)
    base_image = _debian(engine) if base_image == DEBIAN else base_image
    record: dict[str, dict[str, Any]] = {}
    for room in ["base", *wanted]:
        record[room] = _image(room, base_image, accelerator, engine)
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


def _image(room: str, base_image: str, accelerator: str, engine: Engine) -> dict[str, Any]:
    tag = f"localhost/darkroom-{room}:{__version__}" + ("" if accelerator == "cpu" else f"-{accelerator}")
    files = [ROOT / "images" / "Dockerfile", CONTEXT / "locks" / "base.txt"]
    if room != "base":
        files += [CONTEXT / "locks" / f"{room}-{accelerator}.txt", *CONTEXT.glob("*.whl")]
    made_of = _digest([base_image, accelerator, room], files)
    started = time.monotonic()
    if _made_of(engine.inspect(tag)) != made_of:
        target = ["--target", "base"] if room == "base" else ["--target", "room", "--build-arg", f"ROOM={room}"]
        arguments = ["--build-arg", f"BASE_IMAGE={base_image}", "--build-arg", f"ACCELERATOR={accelerator}"]
        engine.build(tag, ["--file", str(files[0]), *target, *arguments], made_of)
        print(f"{tag}: built in {time.monotonic() - started:.1f} s", flush=True)
    else:
        print(f"{tag}: unchanged", flush=True)
    return {"image": tag, "digest": _image_digest(engine.inspect(tag) or {}), "made_of": made_of}


def _digest(words: Sequence[str], files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for data in [*(word.encode() for word in words), *(path.read_bytes() for path in files)]:
        digest.update(f"{len(data)}\0".encode() + data)
    return digest.hexdigest()


def _made_of(found: Mapping[str, Any] | None) -> str:
    labels: Mapping[str, str] = ((found or {}).get("OCIv1", found) or {}).get("Config" if "OCIv1" not in (found or {}) else "config", {}).get("Labels") or {}
    return labels.get(MADE_OF, "")


def _image_digest(found: Mapping[str, Any]) -> str:
    """Return the digest of the manifest as far as the engine has one, else of the configuration."""
    return str(found.get("FromImageDigest") or found.get("Digest") or found.get("Id", ""))


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
        engine.build(tag, ["--file", str(CONTEXT / "Debian")], root.stem)
        (CONTEXT / "root.tar").unlink()
    return tag


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m images.build", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"one of {', '.join(rooms())} (default: all)")
    parser.add_argument("--base-image", default="", help=f"an image with Python 3.11; {DEBIAN} makes one from Debian packages")
    parser.add_argument("--accelerator", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--engine", choices=["docker", "podman", "buildah"], default="")
    options = parser.parse_args()
    if unknown := set(options.rooms) - set(rooms()):
        parser.error(f"there is no room {', '.join(sorted(unknown))}")
    try:
        build(options.rooms or rooms(), options.base_image or "python:3.11-slim-bookworm", options.accelerator, find_engine(options.engine))
    except CannotBuild as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
