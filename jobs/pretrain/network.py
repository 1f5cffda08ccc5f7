"""The network in torch: a small residual network with attention at its end. `export` writes the same as ONNX.

What it sees is normalised within the network, so that light and dye matter little: the picture's
colours about their mean, and its grey about the mean and contrast of the neighbourhood.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from jobs.pretrain.graph import GREY, STRIDES

WIDTHS = (24, 48, 96, 192, 256)
NEAR, AROUND = 8, 5
"""Local means: over squares of 8 pixels, then over 5 x 5 of those."""


def normalise(image: Tensor) -> Tensor:
    """Turn RGB from 0 to 1, (n, 3, h, w), into the four channels that the network sees."""
    grey = (image * torch.tensor(GREY, device=image.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    contrast = (grey - grey.mean((2, 3), keepdim=True)).square().mean((2, 3), keepdim=True).sqrt() + 0.02
    colours = (image - image.mean((2, 3), keepdim=True)) / contrast * 0.6
    detail = grey - _around(grey)
    local = detail / (_around(detail.square()).clamp_min(0).sqrt() + 0.015)
    return torch.cat([colours, local], 1).clamp(-4, 4)


def _around(plane: Tensor) -> Tensor:
    small = functional.avg_pool2d(plane, NEAR)
    small = functional.avg_pool2d(small, AROUND, 1, AROUND // 2, count_include_pad=False)
    return functional.interpolate(small, size=plane.shape[-2:], mode="bilinear", align_corners=False)


class Block(nn.Module):
    """Two convolutions beside a short cut."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outside)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outside)
        self.halve = nn.AvgPool2d(2, 2) if stride == 2 else nn.Identity()
        self.short = nn.Conv2d(inside, outside, 1, bias=False)
        self.short_norm = nn.BatchNorm2d(outside)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.first_norm(self.first(x)))
        y = self.second_norm(self.second(y)) + self.short_norm(self.short(self.halve(x)))
        return functional.relu(y)


class Network(nn.Module):
    """From pictures whose sides are multiples of 16 to logits of families."""

    def __init__(self, families: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4, WIDTHS[0], 5, 2, 2, bias=False)
        self.stem_norm = nn.BatchNorm2d(WIDTHS[0])
        self.blocks = nn.ModuleList(Block(a, b, stride) for a, b, stride in zip(WIDTHS, WIDTHS[1:], STRIDES, strict=False))
        self.attention = nn.Conv2d(WIDTHS[-1], 1, 1)
        self.head = nn.Linear(3 * WIDTHS[-1], families)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(functional.dropout(self.embed(image), 0.1, self.training))

    def embed(self, image: Tensor) -> Tensor:
        """Return mean, maximum and attended mean of the last maps, (n, 768)."""
        x = functional.relu(self.stem_norm(self.stem(normalise(image))))
        for block in self.blocks:
            x = block(x)
        weight = self.attention(x).flatten(2).softmax(2)
        attended = (x.flatten(2) * weight).sum(2)
        return torch.cat([x.mean((2, 3)), x.amax((2, 3)), attended], 1)
