"""Clothes in a scene: a silhouette filled with patterned cloth, worn or laid out, before something else.

Nothing here looks like a photograph of a person. It only has to teach where cloth is, that it
bends round bodies, and that skin, hair, walls and other clothes are no pattern.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from common.textures.fields import Colour, Image, Plane, Shape, blend, enlarge, smooth_noise, soften
from common.textures.patterns.colours import colour, hsv

if TYPE_CHECKING:
    from numpy.random import Generator

Points: TypeAlias = NDArray[np.float64]
"""(N, 2) x, y of a polygon around the garment's middle; the garment is about 1 high."""
Parts: TypeAlias = dict[str, list[Points]]
"""Polygons by what they are made of: `cloth`, `sleeves` (the same cloth turned), `skin`, `hair`, `other`, `other_too`."""


def backdrop(rng: Generator, shape: Shape) -> Image:
    """Draw what is behind: a studio, a wall and a floor, planks, things out of focus."""
    plain = np.full((*shape, 3), _wall(rng), np.float32)
    kind = rng.random()
    if kind < 0.35:
        return plain
    if kind < 0.55:
        shade = smooth_noise(rng, shape, rng.uniform(1, 3)) * np.float32(rng.uniform(0.02, 0.12))
        return np.clip(plain + shade[..., None], 0, 1)
    if kind < 0.7:
        floor = round(shape[0] * rng.uniform(0.5, 0.9))
        plain[floor:] = _wall(rng)
        return plain
    if kind < 0.8:
        planks = smooth_noise(rng, shape, rng.uniform(10, 40), stretch=float(rng.choice([0.1, 10.0]))) * np.float32(rng.uniform(0.03, 0.12))
        return np.clip(plain + planks[..., None], 0, 1)
    cells = max(2, round(rng.uniform(2, 9)))
    things = np.stack([colour(rng) for _ in range(cells * cells)]).reshape(cells, cells, 3)
    return np.clip(soften(enlarge(things, shape), rng.uniform(0.5, 6)), 0, 1)


def _wall(rng: Generator) -> Colour:
    return colour(rng) if rng.random() < 0.4 else np.asarray(rng.uniform(0.7, 1.0) * np.ones(3), np.float32)


def dress(rng: Generator, cloth: Image, sleeves: Image) -> tuple[Image, Plane]:
    """Put *cloth* (H, W, 3) into a scene; *sleeves* is the same cloth, seen turned. Also say where it is, (H, W)."""
    shape = cloth.shape[:2]
    parts = GARMENTS[int(rng.integers(len(GARMENTS)))](rng)
    place = _placement(rng, shape)
    scene = backdrop(rng, shape)
    masks = {name: _fill(polygons, place, shape) for name, polygons in parts.items()}
    everything = np.maximum.reduce(list(masks.values()))
    if rng.random() < 0.5:
        shift = np.array([[1, 0, rng.uniform(-5, 5)], [0, 1, rng.uniform(0, 5)]], np.float32)
        shadow = soften(np.asarray(cv2.warpAffine(everything, shift, shape[::-1]), np.float32), rng.uniform(1, 6))
        scene = scene * (1 - shadow * np.float32(rng.uniform(0.1, 0.5)))[..., None]
    skin = hsv(rng.uniform(0.03, 0.09), rng.uniform(0.25, 0.65), rng.uniform(0.3, 0.97))
    paints: dict[str, Image | Colour] = {
        "hair": hsv(rng.uniform(0.04, 0.12), rng.uniform(0.1, 0.7), rng.uniform(0.05, 0.7)),
        "skin": skin,
        "other": colour(rng),
        "other_too": colour(rng),
        "sleeves": sleeves,
        "cloth": cloth,
    }
    for name, paint in paints.items():
        if name in masks:
            scene = blend(scene, _round(rng, paint, masks[name]), masks[name])
    return np.clip(_details(rng, scene, place), 0, 1), np.maximum(masks["cloth"], masks.get("sleeves", masks["cloth"]))


def _round(rng: Generator, paint: Image | Colour, mask: Plane) -> Image:
    """Darken towards the rim, as on a body."""
    depth = soften(mask, 5.0) * np.float32(rng.uniform(0, 0.5))
    rounded: Image = np.asarray(paint) * (np.float32(1) - np.float32(0.25) + depth)[..., None]
    return rounded


def _details(rng: Generator, scene: Image, place: NDArray[np.float64]) -> Image:
    """Sew on a row of buttons, a belt or a strap, now and then."""
    kind = rng.random()
    ink = np.zeros(scene.shape[:2], np.float32)
    if kind < 0.15:
        for down in np.linspace(-0.35, 0.4, int(rng.integers(3, 7))):
            x, y = (place @ np.array([0.0, down, 1.0])) * 8
            cv2.circle(ink, (round(x), round(y)), round(8 * rng.uniform(0.8, 2)), 1.0, -1, cv2.LINE_AA, 3)
    elif kind < 0.3:
        ends = np.array([[-0.6, 0.05, 1], [0.6, 0.05, 1]]) if rng.random() < 0.4 else np.array([[0, -0.5, 1], [0.02, 0.6, 1]])
        points = np.round(ends @ place.T * 8).astype(np.int32)
        cv2.polylines(ink, [points], False, 1.0, int(rng.integers(1, 4)), cv2.LINE_AA, 3)
    return blend(scene, colour(rng), ink * np.float32(rng.uniform(0.4, 1)))


def _placement(rng: Generator, shape: Shape) -> NDArray[np.float64]:
    """Give the map (2, 3) from garment to pixels: from small in the middle to larger than the picture."""
    scale = shape[0] * float(np.exp(rng.uniform(np.log(0.55), np.log(1.35))))
    turn = rng.normal(0, 0.12) if rng.random() < 0.85 else rng.uniform(0, 2 * np.pi)
    cosine, sine = np.cos(turn) * scale, np.sin(turn) * scale
    away = rng.normal(0, 0.07, 2) * shape[0]
    wide = rng.uniform(0.85, 1.25)
    return np.array([[cosine * wide, -sine, shape[1] / 2 + away[0]], [sine * wide, cosine, shape[0] / 2 + away[1]]])


def _fill(polygons: list[Points], place: NDArray[np.float64], shape: Shape) -> Plane:
    mask = np.zeros(shape, np.uint8)
    for points in polygons:
        placed = np.concatenate([_rounded(points), np.ones((4 * len(points), 1))], axis=1) @ place.T
        cv2.fillPoly(mask, [np.round(placed * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
    return np.asarray(mask / np.float32(255), np.float32)


def _rounded(points: Points) -> Points:
    """Cut the corners twice (Chaikin), which leaves four points for one."""
    for _ in range(2):
        following = np.roll(points, -1, axis=0)
        points = np.stack([0.8 * points + 0.2 * following, 0.2 * points + 0.8 * following], axis=1).reshape(-1, 2)
    return points


# --- garments ----------------------------------------------------------------------------------


def _mirrored(right: list[tuple[float, float]]) -> Points:
    """Close an outline of which the right half is given, from top to bottom."""
    points = np.asarray(right, np.float64)
    return np.concatenate([points, points[::-1] * [-1, 1]])


def _limb(x: float, y: float, angle: float, length: float, width: float) -> list[Points]:
    """Give a limb on both sides, from (x, y) downwards and outwards at *angle*."""
    along, across = np.array([np.sin(angle), np.cos(angle)]) * length, np.array([np.cos(angle), -np.sin(angle)]) * width / 2
    start = np.array([x, y])
    points = np.stack([start - across, start + across, start + along + across * 0.8, start + along - across * 0.8])
    return [points, points * [-1, 1]]


def _disc(x: float, y: float, width: float, height: float) -> Points:
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    return np.stack([x + width / 2 * np.cos(angle), y + height / 2 * np.sin(angle)], axis=1)


def _wearer(rng: Generator, shoulder: float, top: float) -> Parts:
    """Give head, neck and hair above *top*."""
    head = rng.uniform(0.13, 0.2)
    middle = top - head * 0.75
    return {
        "hair": [_disc(0, middle - 0.02, head * rng.uniform(0.95, 1.5), head * rng.uniform(1.3, 2.4))],
        "skin": [_disc(0, middle, head * 0.8, head * 1.2), _mirrored([(shoulder * 0.3, top - 0.08), (shoulder * 0.35, top + 0.08)])],
    }


def _upper(rng: Generator) -> Parts:
    """Give a shirt, jumper, blouse or vest, on a wearer or not."""
    shoulder, hem, waist = rng.uniform(0.22, 0.34), rng.uniform(0.3, 0.6), rng.uniform(0.18, 0.34)
    neck = rng.uniform(0.06, 0.14)
    top = -0.45
    body = _mirrored(
        [(neck, top), (shoulder, top + 0.06), (shoulder * 0.92, top + 0.25), (waist, 0.0), (waist * rng.uniform(0.95, 1.3), hem)]
    )
    parts: Parts = {"cloth": [body]}
    length, spread, width = rng.uniform(0.12, 0.75), rng.uniform(0.05, 1.3), rng.uniform(0.12, 0.2)
    worn = rng.random() < 0.6
    if rng.random() < 0.85:
        parts["sleeves"] = _limb(shoulder * 0.88, top + 0.1, spread, length, width)
    if worn:
        parts |= _wearer(rng, shoulder, top)
        parts["skin"] += _limb(shoulder * 0.88, top + 0.1, spread, rng.uniform(0.65, 0.8), width * 0.7)
        parts["other"] = [_mirrored([(waist * 0.95, hem - 0.1), (waist * 1.05, 1.4), (0.02, 1.4)])]
    if rng.random() < 0.2:
        front = np.array([(neck, top), (shoulder * 1.05, top + 0.05), (waist * 1.15, hem), (waist * 0.5, hem)])
        parts["other_too"] = [front, front * [-1, 1]]
    return parts


def _gown(rng: Generator) -> Parts:
    """Give a dress."""
    shoulder, waist, hem = rng.uniform(0.14, 0.2), rng.uniform(0.1, 0.17), rng.uniform(0.18, 0.5)
    body = _mirrored(
        [(0.06, -0.48), (shoulder, -0.45), (shoulder * 0.85, -0.25), (waist, -0.1), (hem * 0.7, 0.25), (hem, rng.uniform(0.3, 0.6))]
    )
    parts: Parts = {"cloth": [body]}
    if rng.random() < 0.5:
        parts["sleeves"] = _limb(shoulder * 0.9, -0.4, rng.uniform(0.1, 0.8), rng.uniform(0.08, 0.4), 0.11)
    if rng.random() < 0.75:
        parts |= _wearer(rng, shoulder, -0.47)
        parts["skin"] += _limb(shoulder * 0.9, -0.4, rng.uniform(0.1, 0.7), 0.5, 0.06)
        parts["skin"] += _limb(0.06, 0.2, 0.05, 0.8, 0.09)
    return parts


def _lower(rng: Generator) -> Parts:
    """Give a skirt, or trousers."""
    waist, hem, length = rng.uniform(0.16, 0.26), rng.uniform(0.2, 0.55), rng.uniform(0.1, 0.5)
    parts: Parts = {"other": [_mirrored([(0.1, -0.9), (0.28, -0.85), (waist * 1.02, -0.38)])]}
    if rng.random() < 0.5:
        parts["cloth"] = [_mirrored([(waist, -0.42), (hem, length)])]
        parts["skin"] = _limb(0.09, length - 0.15, 0.03, 0.7, 0.1)
    else:
        parts["cloth"] = [_mirrored([(waist, -0.45), (waist * 1.1, -0.2), (waist, 0.6), (waist * 0.25, 0.6), (0.01, -0.1)])]
    return parts


def _thing(rng: Generator) -> Parts:
    """Give a cushion, curtain, scarf, towel, bag: a cloth with four corners."""
    width, height = rng.uniform(0.12, 0.5), rng.uniform(0.25, 0.5)
    corners = np.array([(-width, -height), (width, -height), (width, height), (-width, height)]) * rng.uniform(0.8, 1.15, (4, 2))
    edges = np.stack([corners, (corners + np.roll(corners, -1, axis=0)) / 2 * rng.uniform(0.85, 1.05)], axis=1).reshape(-1, 2)
    parts: Parts = {"cloth": [edges]}
    if rng.random() < 0.3:
        parts["other"] = [edges * [1.5, 0.4] + [0, 0.55]]
    return parts


GARMENTS = (_upper, _upper, _gown, _lower, _thing)
