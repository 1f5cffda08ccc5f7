"""How the backbone looks at a picture: as a whole, at several sizes."""

from __future__ import annotations

RESOLUTION = 256
VIEWS = (64, 96, 144, 224)
"""Sides in pixels, multiples of 16: from far to near; chosen by measuring (docs/decisions/0022)."""
