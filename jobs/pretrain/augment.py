"""What happens to a batch between the pool and the network: cut, scale, turn, cover, dye, light, blur, noise.

All random numbers come from a generator of the step's own, on the processor, so that a step sees the same
pictures wherever it is computed; the work itself is done where the pictures lie.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

SIDES = (64, 80, 96, 112, 112, 128, 144, 160)
"""Of what the network sees, pixels: one of them for each batch."""


def augment(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Turn bytes (n, h, h, 3) into what the network learns from: float32 (n, 3, side, side), 0 to 1."""
    side = SIDES[int(torch.randint(len(SIDES), (), generator=random))]
    images = pictures.permute(0, 3, 1, 2).float().div_(255)
    images = _cut(images, side, random)
    images = _cover(images, random)
    images = _dye(images, random)
    images = _light(images, random)
    if _chance(random, 0.15):
        images = functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    noise = torch.randn(images.shape, generator=_there(images, random), device=images.device)
    images = images + noise * _each(images, _uniform(random, len(images), 0, 1).pow(4) * 0.08)
    return images.clamp(0, 1).contiguous(memory_format=torch.channels_last)


def _cut(images: Tensor, side: int, random: torch.Generator) -> Tensor:
    """Cut a square out of each picture, turned, mirrored and squeezed in a way of its own; all about equally large."""
    count, whole = len(images), images.shape[-1]
    share = 1.0 if _chance(random, 0.35) else float(_uniform(random, 1, 0.5, 1.0))
    scaled = round(side / share)
    if scaled != whole:
        images = functional.interpolate(images, size=(scaled, scaled), mode="bilinear", antialias=scaled < whole)
    turn = torch.randn(count, generator=random) * 0.12
    turn = turn + (torch.rand(count, generator=random) < 0.3) * torch.randint(4, (count,), generator=random) * (math.pi / 2)
    flip = 1.0 - 2.0 * (torch.rand(count, generator=random) < 0.5)
    zoom = torch.exp(torch.randn(count, 2, generator=random) * 0.08)
    room = 0.8 * (1 - share) * (2 * torch.rand(count, 2, generator=random) - 1)
    cosine, sine = turn.cos() * share, turn.sin() * share
    maps = torch.stack(
        [
            torch.stack([cosine * flip * zoom[:, 0], -sine * zoom[:, 1], room[:, 0]], 1),
            torch.stack([sine * flip * zoom[:, 0], cosine * zoom[:, 1], room[:, 1]], 1),
        ],
        1,
    ).to(images.device)
    grid = functional.affine_grid(maps, [count, 3, side, side], align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _cover(images: Tensor, random: torch.Generator) -> Tensor:
    """Lay a strip or a corner of another picture over some, as a hand, a lapel or a table would lie."""
    count, side = len(images), images.shape[-1]
    along = torch.linspace(-1, 1, side, device=images.device)
    angle = _uniform(random, count, 0, 2 * math.pi)
    place = _each(images, angle.sin()) * along[:, None] + _each(images, angle.cos()) * along
    edge = _uniform(random, count, 0.35, 1.0)
    edge = torch.where(torch.rand(count, generator=random) < 0.25, edge, torch.full((count,), 2.0))
    covered = place > _each(images, edge)
    return torch.where(covered, images.roll(1, 0).flip(2), images)


def _dye(images: Tensor, random: torch.Generator) -> Tensor:
    """Mix the colours anew: exchange channels, turn hues, fade to grey."""
    count = len(images)
    mixing = torch.eye(3).repeat(count, 1, 1)
    swaps = torch.rand(count, 3, generator=random).argsort(1)
    swapped = torch.rand(count, generator=random) < 0.5
    mixing[swapped] = torch.eye(3)[swaps[swapped]]
    mixing = mixing + torch.randn(count, 3, 3, generator=random) * 0.08
    fade = _uniform(random, count, 0, 1).pow(3)[:, None, None]
    fade = torch.where((torch.rand(count, generator=random) < 0.1)[:, None, None], torch.ones(()), fade * 0.7)
    mixing = mixing * (1 - fade) + fade / 3
    mixed = torch.einsum("nij,njhw->nihw", mixing.to(images.device), images)
    negative = (torch.rand(count, generator=random) < 0.08)[:, None, None, None].to(images.device)
    return torch.where(negative, 1 - mixed, mixed)


def _light(images: Tensor, random: torch.Generator) -> Tensor:
    """Light each picture its own way: exposure, gamma, a slow change over the picture."""
    count, side = len(images), images.shape[-1]
    slow = torch.randn(count, 1, 3, 3, generator=random) * _each(images, _uniform(random, count, 0, 0.3)).cpu()
    field = functional.interpolate(slow.to(images.device), size=(side, side), mode="bicubic", align_corners=True)
    gain = torch.exp(torch.randn(count, 3, 1, 1, generator=random) * 0.05 + torch.randn(count, 1, 1, 1, generator=random) * 0.15)
    gamma = torch.exp(torch.randn(count, 1, 1, 1, generator=random) * 0.15)
    return (images.clamp(1e-3, 1) ** gamma.to(images.device)) * field.exp() * gain.to(images.device)


def _chance(random: torch.Generator, share: float) -> bool:
    return bool(torch.rand((), generator=random) < share)


def _uniform(random: torch.Generator, count: int, low: float, high: float) -> Tensor:
    return torch.rand(count, generator=random) * (high - low) + low


def _each(images: Tensor, values: Tensor) -> Tensor:
    """Give each picture its value, for broadcasting."""
    return values[:, None, None, None].to(images.device)


def _there(images: Tensor, random: torch.Generator) -> torch.Generator:
    """Return a generator on the pictures' device, seeded by *random*."""
    seed = int(torch.randint(2**31, (), generator=random))
    return torch.Generator(images.device).manual_seed(seed)
