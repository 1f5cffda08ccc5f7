"""Where the renderer's random numbers come from.

Each step draws from a stream of its own, named by the step. So a step that comes to draw other
numbers changes its own result and no other's, and a picture does not depend on threads or on
what was rendered before it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Streams:
    """The streams of one picture."""

    family: str
    seed: int

    def named(self, step: str) -> np.random.Generator:
        """Start the stream of *step*: the same numbers at every call.

        Philox, keyed by a digest of picture and step: 128 bits, so streams do not meet.
        """
        digest = hashlib.sha256(f"{self.family}\0{self.seed}\0{step}".encode()).digest()
        return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
