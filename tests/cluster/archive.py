"""From the engine that built an image to the nodes' containerd: one archive, in which images share their layers."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from images.build import find_engine
from tests.cluster.cluster import Cluster


def load(cluster: Cluster, images: Sequence[str]) -> None:
    """Bring images to every node of a cluster."""
    engine = find_engine().name
    with tempfile.TemporaryDirectory(dir=cluster.folder) as work:
        archive = Path(work, "images.tar")
        if engine == "buildah":
            layout = Path(work, "layout")
            for image in images:
                # Uncompressed: the way is short, and the digests stay those that were built.
                subprocess.run(["buildah", "push", "--quiet", "--disable-compression", image, f"oci:{layout}:{image}"], check=True, capture_output=True)
            subprocess.run(["tar", "--create", "--file", archive, "--directory", layout, "."], check=True)
        else:
            several = ["--multi-image-archive"] if engine == "podman" else []
            subprocess.run([engine, "save", *several, "--output", str(archive), *images], check=True, capture_output=True)
        cluster.load(archive)
