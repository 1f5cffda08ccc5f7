"""From the engine that built an image to the nodes' containerd: one archive, in which images share their layers."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from images.build import Engine, find_engine
from tests.cluster.cluster import Cluster
from tests.support.servers import ROOT

LAYOUT = ROOT / "build" / "layout"


def load(cluster: Cluster, images: Sequence[str]) -> None:
    """Bring images to every node of a cluster."""
    engine = find_engine()
    with tempfile.TemporaryDirectory(dir=cluster.folder) as work:
        archive = Path(work, "images.tar")
        if engine.name == "buildah":
            _pack(engine, images, archive)
        else:
            several = ["--multi-image-archive"] if engine.name == "podman" else []
            _run(engine.name, "save", *several, "--output", archive, *images)
        cluster.load(archive)


def _pack(engine: Engine, images: Sequence[str], archive: Path) -> None:
    """Buildah writes one image at a time, and compresses it each time: the layout keeps what did not change."""
    for image in images:
        found = engine.inspect(image)
        if found is None:
            raise SystemExit(f"There is no image {image}; `make images` builds them.")
        mark = LAYOUT / f"{image.replace('/', '_')}.id"
        if not mark.is_file() or mark.read_text() != found["FromImageID"]:
            _run("buildah", "push", "--quiet", image, f"oci:{LAYOUT}:{image}")
            mark.write_text(found["FromImageID"])
    index = json.loads((LAYOUT / "index.json").read_text())
    index["manifests"] = [one for one in index["manifests"] if one["annotations"]["org.opencontainers.image.ref.name"] in images]
    (archive.parent / "index.json").write_text(json.dumps(index))
    blobs = {_blob(part["digest"]) for one in index["manifests"] for part in (one, *_parts(one["digest"]))}
    _run(
        "tar",
        "--create",
        "--file",
        archive,
        "--directory",
        archive.parent,
        "index.json",
        "--directory",
        LAYOUT,
        "oci-layout",
        *sorted(blobs),
    )


def _parts(manifest: str) -> list[dict[str, str]]:
    """Return configuration and layers of a manifest."""
    told = json.loads((LAYOUT / _blob(manifest)).read_text())
    return [told["config"], *told["layers"]]


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")
