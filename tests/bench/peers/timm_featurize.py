"""What people run: a timm network fed by torch's DataLoader with Pillow. Runs in its own environment.

Usage: timm_featurize.py FOLDER WORKERS THREADS. It says "ready" when network and workers are warm; then each line on stdin
asks for one pass over the folder's JPEGs, and the answer is one line, its seconds.
"""

import sys
import time
from pathlib import Path

import timm
import torch
from PIL import Image
from torchvision import transforms

BATCH = 32


class Folder(torch.utils.data.Dataset[torch.Tensor]):  # type: ignore[misc]
    """Pictures with their short side resized to 224 and the middle cut, as ours are."""

    def __init__(self, folder: Path) -> None:
        self._files = sorted(folder.glob("*.jpg"))
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        steps = [transforms.Resize(224), transforms.CenterCrop(224), transforms.ToTensor(), transforms.Normalize(mean, std)]
        self._prepare = transforms.Compose(steps)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> torch.Tensor:
        prepared: torch.Tensor = self._prepare(Image.open(self._files[index]).convert("RGB"))
        return prepared


def main(folder: str, workers: str, threads: str) -> None:
    torch.set_num_threads(int(threads))
    # Channels last is the faster layout for convolutions on processors.
    network = timm.create_model("resnet50", pretrained=False, num_classes=0).eval().to(memory_format=torch.channels_last)
    loader = torch.utils.data.DataLoader(Folder(Path(folder)), batch_size=BATCH, num_workers=int(workers), persistent_workers=True)
    with torch.inference_mode():
        seconds(network, loader)
        print("ready", flush=True)
        for _ in sys.stdin:
            print(seconds(network, loader), flush=True)


def seconds(network: torch.nn.Module, loader: "torch.utils.data.DataLoader[torch.Tensor]") -> float:
    """Return how long one pass over all pictures takes."""
    begun = time.perf_counter()
    vectors = [network(batch.to(memory_format=torch.channels_last)) for batch in loader]
    assert sum(len(block) for block in vectors) == len(loader.dataset)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main(*sys.argv[1:])
