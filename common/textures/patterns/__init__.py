"""What the cloth shows: one function for each family of patterns, and the table of all of them.

A family draws flat cloth and nothing else (`flat.Family`). To add one, write the function and
name it in `FAMILIES`; pictures of the other families stay as they are.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from common.textures.patterns.checkered import checkered
from common.textures.patterns.dotted import dotted
from common.textures.patterns.flat import Canvas, Family, Flat
from common.textures.patterns.floral import floral
from common.textures.patterns.leopard import leopard
from common.textures.patterns.mixtures import dashed, dot_rows, dots_on_stripes, round_spots
from common.textures.patterns.plain import plain
from common.textures.patterns.striped import striped
from common.textures.patterns.zigzag import zigzag

if TYPE_CHECKING:
    from collections.abc import Mapping

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "checkered": checkered,
        "dashed": dashed,
        "dot_rows": dot_rows,
        "dots_on_stripes": dots_on_stripes,
        "dotted": dotted,
        "floral": floral,
        "leopard": leopard,
        "plain": plain,
        "round_spots": round_spots,
        "striped": striped,
        "zigzag": zigzag,
    }
)
"""Every family by name."""

__all__ = ["FAMILIES", "Canvas", "Family", "Flat"]
