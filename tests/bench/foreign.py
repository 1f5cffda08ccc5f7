"""Pictures that belong to no class of cloth, of many kinds, drawn by number: what a search for fabrics brings in besides.

Picture N of a kind is a pure function of N. They are drawn apart from the pictures that the shipped backbone learnt from.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIDE = 256
Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]
WORDS = (
    *("the", "pattern", "cloth", "woven", "printed", "town", "dotted", "striped", "price", "sale", "new", "size", "colour", "wash"),
    *("at", "thirty", "see", "table", "chapter", "one", "shipping", "returns", "summer", "dress", "how", "to", "sew", "figures", "total"),
)


def draw(kind: str, number: int) -> Pixels:
    """Return picture *number* of a kind of KINDS, (SIDE, SIDE, 3) uint8 RGB."""
    rng = np.random.default_rng([number, zlib.crc32(kind.encode())])
    image = Image.new("RGB", (SIDE, SIDE), _pale(rng))
    KINDS[kind](rng, image)
    return _taken(rng, np.asarray(image, np.uint8))


def _taken(rng: Generator, pixels: Pixels) -> Pixels:
    """Blur, light and compress it a little, as pictures from the web are."""
    soft = cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(0.3, 1.2)))
    lit = np.clip(soft * rng.uniform(0.8, 1.1) + rng.normal(0, rng.uniform(0, 5), soft.shape), 0, 255).astype(np.uint8)
    coded = cv2.imencode(".jpg", lit, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 95))])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _colour(rng: Generator, low: int = 0, high: int = 256) -> Colour:
    red, green, blue = (int(one) for one in rng.integers(low, high, 3))
    return red, green, blue


def _pale(rng: Generator) -> Colour:
    return (255, 255, 255) if rng.random() < 0.5 else _colour(rng, 205)


def _dark(rng: Generator) -> Colour:
    return (0, 0, 0) if rng.random() < 0.5 else _colour(rng, 0, 120)


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _disc(pen: ImageDraw.ImageDraw, x: float, y: float, across: float, down: float, fill: Colour) -> None:
    pen.ellipse((x - across, y - down, x + across, y + down), fill=fill)


def _shaded(rng: Generator, image: Image.Image) -> None:
    """Cover the picture with a soft change between some colours."""
    coarse = rng.uniform(0, 255, (int(rng.integers(2, 5)), int(rng.integers(2, 5)), 3)).astype(np.float32)
    image.paste(Image.fromarray(np.clip(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)))


def _text_page(rng: Generator, image: Image.Image) -> None:
    pen, size = ImageDraw.Draw(image), float(rng.uniform(9, 20))
    y, left, ink = float(rng.uniform(4, 30)), float(rng.uniform(4, 30)), _dark(rng)
    while y < SIDE - size:
        words = " ".join(rng.choice(WORDS, int(rng.integers(3, 12))))
        pen.text((left, y), words, fill=ink, font=_font(size))
        y += size * (1.25 if rng.random() < 0.9 else 2.5)


def _chart(rng: Generator, image: Image.Image) -> None:
    pen, bars = ImageDraw.Draw(image), int(rng.integers(3, 12))
    pen.line((30, 20, 30, 226, 240, 226), fill=(40, 40, 40), width=2)
    for y in np.linspace(30, 226, int(rng.integers(3, 8))):
        pen.line((30, y, 240, y), fill=(200, 200, 200))
    if rng.random() < 0.5:
        for number in range(bars):
            x, width = 40 + number * 195 / bars, 130 / bars
            pen.rectangle((x, float(rng.uniform(40, 210)), x + width, 225), fill=_colour(rng))
    else:
        for _ in range(int(rng.integers(1, 4))):
            heights = np.clip(np.cumsum(rng.normal(0, 15, 20)) + rng.uniform(60, 190), 25, 224)
            pen.line([(30 + 11 * step, float(height)) for step, height in enumerate(heights)], fill=_colour(rng, 0, 200), width=3)
    pen.text((60, 3), " ".join(rng.choice(WORDS, 3)), fill=(0, 0, 0), font=_font(13))
    pen.text((60, 235), " ".join(rng.choice(WORDS, 4)), fill=(0, 0, 0), font=_font(10))


def _pie(rng: Generator, image: Image.Image) -> None:
    pen, start = ImageDraw.Draw(image), float(rng.uniform(0, 360))
    for share in rng.dirichlet(np.full(int(rng.integers(3, 7)), 2.0)):
        pen.pieslice((48, 48, 208, 208), start, start + 360 * float(share), fill=_colour(rng))
        start += 360 * float(share)


def _sign(rng: Generator, image: Image.Image) -> None:
    glyph = str(rng.choice(list("=+%?!#&@≈<>÷")))
    size = float(rng.uniform(110, 230))
    ImageDraw.Draw(image).text((SIDE / 2, SIDE / 2), glyph, fill=_dark(rng), font=_font(size), anchor="mm")


def _sky(rng: Generator, image: Image.Image) -> None:
    _shaded(rng, image)


def _bouquet(rng: Generator, image: Image.Image) -> None:
    _shaded(rng, image)
    pen = ImageDraw.Draw(image)
    middle = SIDE / 2 + float(rng.uniform(-20, 20))
    pen.polygon([(middle - 30, 150), (middle + 30, 150), (middle + 22, 250), (middle - 22, 250)], fill=_colour(rng, 60))
    for _ in range(int(rng.integers(25, 60))):
        end = middle + float(rng.normal(0, 55)), float(rng.uniform(30, 150))
        pen.line((middle, 155, *end), fill=(30, int(rng.integers(70, 140)), 30), width=3)
        _disc(pen, *end, float(rng.uniform(5, 14)), float(rng.uniform(3, 9)), (40, int(rng.integers(90, 170)), 40))
    for _ in range(int(rng.integers(5, 14))):
        x, y = middle + float(rng.normal(0, 48)), float(rng.uniform(30, 140))
        petals, size, fill = int(rng.integers(5, 13)), float(rng.uniform(11, 25)), _colour(rng, 90)
        for petal in range(petals):
            turn = 2 * math.pi * petal / petals
            _disc(pen, x + size * math.cos(turn), y + size * math.sin(turn), size * 0.55, size * 0.55, fill)
        _disc(pen, x, y, size * 0.5, size * 0.5, _colour(rng, 60))


def _dancers(rng: Generator, image: Image.Image) -> None:
    _land(rng, image)
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 7))):
        x, top, size = float(rng.uniform(20, 236)), float(rng.uniform(50, 120)), float(rng.uniform(0.7, 1.5))
        skin = (int(rng.integers(120, 240)), int(rng.integers(90, 190)), int(rng.integers(60, 160)))
        for side in (-1, 1):
            pen.line((x, top + 25 * size, x + side * rng.uniform(20, 45) * size, top + rng.uniform(-10, 40) * size), fill=skin, width=6)
            pen.line((x, top + 80 * size, x + side * 12 * size, top + 130 * size), fill=skin, width=7)
        pen.polygon([(x, top + 12 * size), (x - 32 * size, top + 95 * size), (x + 32 * size, top + 95 * size)], fill=_colour(rng))
        pen.rectangle((x - 11 * size, top + 12 * size, x + 11 * size, top + 52 * size), fill=_colour(rng))
        _disc(pen, x, top, 11 * size, 13 * size, skin)
        _disc(pen, x, top - 8 * size, 11 * size, 7 * size, _dark(rng))


def _face(rng: Generator, image: Image.Image) -> None:
    _shaded(rng, image)
    pen, skin = ImageDraw.Draw(image), _colour(rng, 120, 240)
    x, y, size = (float(rng.uniform(*span)) for span in ((100, 156), (105, 140), (0.7, 1.3)))
    pen.rectangle((x - 90 * size, y + 95 * size, x + 90 * size, 2 * SIDE), fill=_colour(rng))
    _disc(pen, x, y - 20 * size, 68 * size, 82 * size, _dark(rng))
    _disc(pen, x, y, 56 * size, 75 * size, skin)
    for side in (-1, 1):
        _disc(pen, x + side * 22 * size, y - 12 * size, 10 * size, 6 * size, (250, 250, 250))
        _disc(pen, x + side * 22 * size, y - 12 * size, 5 * size, 5 * size, _dark(rng))
    pen.line((x, y - 5 * size, x - 6 * size, y + 20 * size, x + 3 * size, y + 21 * size), fill=_dark(rng), width=2)
    pen.arc((x - 22 * size, y + 15 * size, x + 22 * size, y + 48 * size), 20, 160, fill=(150, 40, 40), width=5)


def _land(rng: Generator, image: Image.Image) -> None:
    pen, horizon = ImageDraw.Draw(image), float(rng.uniform(80, 170))
    pen.rectangle((0, 0, SIDE, SIDE), fill=(int(rng.integers(100, 200)), int(rng.integers(150, 220)), 240))
    for depth in range(int(rng.integers(1, 4))):
        ridge = horizon + 25 * depth + np.cumsum(rng.normal(0, 7, 17))
        outline = [(16 * step, float(height)) for step, height in enumerate(ridge)]
        pen.polygon([(0, SIDE), *outline, (SIDE, SIDE)], fill=(_colour(rng, 20, 120)[0], int(rng.integers(70, 170)), 60))
    for _ in range(int(rng.integers(0, 8))):
        x, y = float(rng.uniform(0, SIDE)), float(rng.uniform(horizon, 240))
        pen.line((x, y, x, y - 40), fill=(80, 50, 30), width=5)
        _disc(pen, x, y - 50, 18, 24, (20, int(rng.integers(70, 150)), 30))


def _street(rng: Generator, image: Image.Image) -> None:
    _land(rng, image)
    pen, x = ImageDraw.Draw(image), float(rng.uniform(-30, 10))
    while x < SIDE:
        width, top, step = float(rng.uniform(35, 90)), float(rng.uniform(20, 140)), int(rng.integers(12, 26))
        pen.rectangle((x, top, x + width, 235), fill=_colour(rng, 60, 220))
        pane = _colour(rng)
        for down in np.arange(top + 8, 215, step):
            for across in np.arange(x + 6, x + width - 9, step):
                pen.rectangle((across, down, across + step / 2, down + step * 0.6), fill=pane)
        x += width + float(rng.uniform(0, 12))
    pen.rectangle((0, 232, SIDE, SIDE), fill=(90, 90, 90))


def _static(rng: Generator, image: Image.Image) -> None:
    cells = int(rng.choice([64, 128, 256]))
    grain = rng.normal(128, rng.uniform(25, 80), (cells, cells, 3 if rng.random() < 0.5 else 1)).clip(0, 255).astype(np.uint8)
    whole = np.broadcast_to(grain, (cells, cells, 3))
    image.paste(Image.fromarray(cv2.resize(np.ascontiguousarray(whole), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)))


def _logo(rng: Generator, image: Image.Image) -> None:
    pen, size = ImageDraw.Draw(image), float(rng.uniform(50, 100))
    corners, turn = int(rng.integers(3, 9)), float(rng.uniform(0, 360))
    if rng.random() < 0.4:
        _disc(pen, 128, 118, size, size, _colour(rng))
    else:
        pen.regular_polygon((128, 118, size), corners, turn, fill=_colour(rng))
    pen.text((128, 120), "".join(rng.choice(list("ABCDEGKMRSTX"), int(rng.integers(1, 4)))), fill=_pale(rng), font=_font(size), anchor="mm")
    pen.text((128, 235), str(rng.choice(WORDS)).upper(), fill=_dark(rng), font=_font(22), anchor="mm")


def _shoe(rng: Generator, image: Image.Image) -> None:
    """One thing on a seller's white ground."""
    pen, fill = ImageDraw.Draw(image), _colour(rng, 0, 200)
    knots = [(40, 190), (45, 110), (90, 95), (120, 140), (200, 160), (225, 190)]
    outline = [(x + float(rng.normal(0, 9)), y + float(rng.normal(0, 9))) for x, y in knots]
    pen.polygon(outline, fill=fill)
    pen.rectangle((36, 190, 228, 190 + float(rng.uniform(8, 26))), fill=_dark(rng))
    for step in range(int(rng.integers(0, 6))):
        pen.line((92 + 14 * step, 118 + 5 * step, 112 + 14 * step, 108 + 5 * step), fill=_pale(rng), width=3)


def _map(rng: Generator, image: Image.Image) -> None:
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(3, 7))):
        turns = np.sort(rng.uniform(0, 2 * np.pi, 12))
        x, y, reach = float(rng.uniform(0, SIDE)), float(rng.uniform(0, SIDE)), rng.uniform(25, 90, 12)
        shore = [(x + float(r * np.cos(t)), y + float(r * np.sin(t))) for r, t in zip(reach, turns, strict=True)]
        pen.polygon(shore, fill=_colour(rng, 130, 240), outline=(120, 120, 120))
    for _ in range(int(rng.integers(3, 12))):
        walk = np.cumsum(rng.normal(0, 25, (12, 2)), axis=0) + rng.uniform(0, SIDE, 2)
        pen.line([(float(x), float(y)) for x, y in walk], fill=_colour(rng, 60, 200), width=int(rng.integers(1, 5)))
    for _ in range(6):
        pen.text((float(rng.uniform(0, 220)), float(rng.uniform(0, 240))), str(rng.choice(WORDS)), fill=(30, 30, 30), font=_font(10))


KINDS: Mapping[str, Callable[[Generator, Image.Image], None]] = {
    "text page": _text_page,
    "chart": _chart,
    "pie": _pie,
    "sign": _sign,
    "sky": _sky,
    "bouquet": _bouquet,
    "dancers": _dancers,
    "face": _face,
    "landscape": _land,
    "street": _street,
    "static": _static,
    "logo": _logo,
    "shoe": _shoe,
    "map": _map,
}
