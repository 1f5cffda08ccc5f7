"""A network of timm's as an ONNX file, in a process of its own: it loads torch, and timm fetches its weights by itself."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from common.errors import Refused
from common.images import Preprocessing
from common.model import OPSET
from common.records import Value, read_json

SECONDS = 1800.0
OUTPUT = "vectors"
NETWORK, FACTS = "network.onnx", "facts.json"
NEEDS = ("torch", "timm", "onnxscript")


class Facts(Value, frozen=True, kw_only=True):
    """What timm says of a network: how its pictures are prepared, and its licence."""

    preprocessing: Preprocessing
    licence: str


def export(name: str, folder: Path, *, pretrained: bool = True, seconds: float = SECONDS) -> tuple[Path, Facts]:
    """Let timm write a network, without its classifier, to a folder; return the file and what timm says of it.

    Raises:
        Refused: timm is not here, or cannot do it, with the reason.
    """
    missing = [one for one in NEEDS if importlib.util.find_spec(one) is None]
    if missing:
        raise Refused(
            f"timm:{name} needs {', '.join(missing)} in darkroom's environment, which have some gigabytes: "
            f"`{sys.executable} -m pip install {' '.join(missing)}`. Or export it to ONNX elsewhere, and add that file."
        )
    command = [sys.executable, "-m", "jobs.backbones.timm_export", name, str(folder), str(int(pretrained))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise Refused(f"timm did not write {name} within {seconds:g} s. Try again, or export it elsewhere and add the file.") from error
    if done.returncode:
        last = next((line.strip() for line in reversed(done.stderr.splitlines()) if line.strip()), f"exit code {done.returncode}")
        raise Refused(
            f"timm cannot write {name}: {last[:300]}. `timm.list_models()` tells its names; its weights come from the internet, "
            "so without it export the network elsewhere and add the file."
        )
    return folder / NETWORK, read_json((folder / FACTS).read_bytes(), Facts, "what timm says")


# --- the process with torch -------------------------------------------------------------------


def _write(name: str, folder: Path, *, pretrained: bool) -> None:
    import timm
    import torch

    network = timm.create_model(name, pretrained=pretrained, num_classes=0).eval()
    said: dict[str, Any] = timm.data.resolve_model_data_config(network)
    side = int(said["input_size"][-1])
    how = Preprocessing(resolution=side, mean=tuple(said["mean"]), std=tuple(said["std"]))
    licence = str(getattr(network, "pretrained_cfg", {}).get("license") or "")
    pictures = torch.zeros(2, 3, side, side)
    batch = ({0: torch.export.Dim("n", min=1)},)
    torch.onnx.export(
        network,
        (pictures,),
        folder / NETWORK,
        output_names=[OUTPUT],
        opset_version=OPSET,
        dynamic_shapes=batch,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    (folder / FACTS).write_bytes(msgspec.json.encode(Facts(preprocessing=how, licence=licence)))


if __name__ == "__main__":
    _write(sys.argv[1], Path(sys.argv[2]), pretrained=sys.argv[3] == "1")
