"""Families of patterns to learn from: those of the demo, but for the ones kept for testing, and many more.

Each belongs to a kind, the coarse class that people name. Leopard, and the four mixtures of the
demo, are kept out on purpose: they show what the backbone makes of a pattern that it never saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from common.textures import FAMILIES as DEMO
from jobs.pretrain.patterns import animals, checks, dots, florals, geometric, pictorial, plains, stripes, zigzags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from common.textures import Family

HELD_OUT = ("dashed", "dot_rows", "dots_on_stripes", "leopard", "round_spots")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One family: how it is drawn, its kind, and its share of the pictures of that kind."""

    draw: Family
    kind: str
    share: float = 1.0


PATTERNS: Mapping[str, Pattern] = MappingProxyType(
    {
        "striped": Pattern(DEMO["striped"], "striped", 3),
        "few_stripes": Pattern(stripes.few_stripes, "striped"),
        "soft_stripes": Pattern(stripes.soft_stripes, "striped"),
        "brushed_stripes": Pattern(stripes.brushed_stripes, "striped"),
        "wavy_stripes": Pattern(stripes.wavy_stripes, "striped", 0.7),
        "checkered": Pattern(DEMO["checkered"], "checkered", 3),
        "chessboard": Pattern(checks.chessboard, "checkered"),
        "houndstooth": Pattern(checks.houndstooth, "checkered"),
        "printed_plaid": Pattern(checks.printed_plaid, "checkered", 1.5),
        "net_of_lines": Pattern(checks.net_of_lines, "checkered"),
        "dotted": Pattern(DEMO["dotted"], "dotted", 2.5),
        "thrown_dots": Pattern(dots.thrown_dots, "dotted", 1.5),
        "pin_dots": Pattern(dots.pin_dots, "dotted"),
        "blots": Pattern(dots.blots, "dotted"),
        "growing_dots": Pattern(dots.growing_dots, "dotted", 0.5),
        "ringed_dots": Pattern(dots.ringed_dots, "dotted", 0.7),
        "zigzag": Pattern(DEMO["zigzag"], "zigzag", 2),
        "herringbone": Pattern(zigzags.herringbone, "zigzag"),
        "ikat": Pattern(zigzags.ikat, "zigzag"),
        "flame": Pattern(zigzags.flame, "zigzag"),
        "large_v": Pattern(zigzags.large_v, "zigzag"),
        "few_zigzags": Pattern(zigzags.few_zigzags, "zigzag"),
        "floral": Pattern(DEMO["floral"], "floral"),
        "crowded_flowers": Pattern(florals.crowded_flowers, "floral", 1.5),
        "strewn_flowers": Pattern(florals.strewn_flowers, "floral"),
        "roses": Pattern(florals.roses, "floral"),
        "drawn_flowers": Pattern(florals.drawn_flowers, "floral"),
        "small_flowers": Pattern(florals.small_flowers, "floral", 1.5),
        "painted_flowers": Pattern(florals.painted_flowers, "floral"),
        "leaves": Pattern(florals.leaves, "floral"),
        "branches": Pattern(florals.branches, "floral"),
        "plain": Pattern(DEMO["plain"], "plain", 2),
        "melange": Pattern(plains.melange, "plain"),
        "ribbed": Pattern(plains.ribbed, "plain"),
        "cabled": Pattern(plains.cabled, "plain"),
        "faded": Pattern(plains.faded, "plain"),
        "triangles": Pattern(geometric.triangles, "geometric"),
        "hexagons": Pattern(geometric.hexagons, "geometric"),
        "diamonds": Pattern(geometric.diamonds, "geometric"),
        "overlapping_rings": Pattern(geometric.overlapping_rings, "geometric"),
        "scales": Pattern(geometric.scales, "geometric"),
        "maze": Pattern(geometric.maze, "geometric"),
        "nested_figures": Pattern(geometric.nested_figures, "geometric"),
        "strewn_figures": Pattern(geometric.strewn_figures, "geometric"),
        "crosses": Pattern(geometric.crosses, "geometric", 0.7),
        "trellis": Pattern(geometric.trellis, "geometric"),
        "patches": Pattern(geometric.patches, "geometric"),
        "zebra": Pattern(animals.zebra, "animal"),
        "giraffe": Pattern(animals.giraffe, "animal"),
        "cow": Pattern(animals.cow, "animal"),
        "snake": Pattern(animals.snake, "animal"),
        "hearts": Pattern(pictorial.hearts, "pictorial"),
        "stars": Pattern(pictorial.stars, "pictorial"),
        "paisley": Pattern(pictorial.paisley, "pictorial"),
        "camouflage": Pattern(pictorial.camouflage, "pictorial"),
        "marble": Pattern(pictorial.marble, "pictorial"),
        "tie_dye": Pattern(pictorial.tie_dye, "pictorial"),
        "brush_strokes": Pattern(pictorial.brush_strokes, "pictorial"),
        "letters": Pattern(pictorial.letters, "pictorial"),
        "damask": Pattern(pictorial.damask, "pictorial"),
        "silhouettes": Pattern(pictorial.silhouettes, "pictorial"),
    }
)

KINDS: tuple[str, ...] = tuple(dict.fromkeys(pattern.kind for pattern in PATTERNS.values()))
"""Every kind, in the order of PATTERNS."""


def kinds_of_families() -> NDArray[np.float32]:
    """Return which kind each family is of, (families, kinds), one 1 a row."""
    table = np.zeros((len(PATTERNS), len(KINDS)), np.float32)
    for row, pattern in enumerate(PATTERNS.values()):
        table[row, KINDS.index(pattern.kind)] = 1
    return table


WORDS_OF_KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "striped": ("striped", "stripe", "stripes", "stripy", "pinstripe", "pinstripes", "pinstriped"),
        "checkered": ("checkered", "chequered", "checked", "check", "checks", "plaid", "tartan", "gingham"),
        "dotted": ("dotted", "dot", "dots", "polkadot", "polkadots", "polkadotted", "polka", "spotted"),
        "zigzag": ("zigzag", "zigzags", "zig", "zag", "chevron", "chevrons"),
        "floral": ("floral", "florals", "flower", "flowers", "flowered", "flowery", "botanical"),
        "plain": ("plain", "solid", "solids", "unicolor", "unicolour", "unpatterned"),
        "geometric": ("geometric", "geometrical", "geometry"),
        "animal": ("animal", "animals", "leopard", "cheetah", "tiger"),
    }
)
"""What people call a kind; `pictorial` is what is left, and has no name."""
WORDS_OF_FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "houndstooth": ("houndstooth",),
        "herringbone": ("herringbone",),
        "ikat": ("ikat",),
        "leaves": ("leaves", "leaf"),
        "ribbed": ("ribbed", "rib"),
        "cabled": ("cabled", "cable"),
        "triangles": ("triangles", "triangle"),
        "hexagons": ("hexagons", "hexagon"),
        "diamonds": ("diamonds", "diamond", "argyle"),
        "crosses": ("crosses", "cross"),
        "trellis": ("trellis", "lattice"),
        "zebra": ("zebra",),
        "giraffe": ("giraffe",),
        "cow": ("cow",),
        "snake": ("snake", "snakeskin", "python"),
        "hearts": ("hearts", "heart"),
        "stars": ("stars", "star"),
        "paisley": ("paisley",),
        "camouflage": ("camouflage", "camo"),
        "marble": ("marble", "marbled"),
        "tie_dye": ("tiedye", "tiedyed", "dye"),
        "letters": ("letters", "letter", "text"),
        "damask": ("damask",),
    }
)
"""What people call a family where they name it rather than its kind."""
