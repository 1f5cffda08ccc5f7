"""The child that decodes what is not ours: its limits, and that it is replaced when it dies."""

from __future__ import annotations

import io
import os
import signal
import time

import numpy as np
import pytest
from PIL import Image

from common.errors import BadInput
from common.sandbox import Sandbox, Verdict, look
from tests.support.pictures import drawing, encode

GOOD = encode(drawing("bars", 1), "JPEG")


def test_a_good_picture_is_accepted_with_its_upright_size() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(buffer, "JPEG", exif=exif)
    with Sandbox() as sandbox:
        assert sandbox.check(GOOD) == look(GOOD) == Verdict(32, 32, "JPEG")
        assert sandbox.check(buffer.getvalue()) == Verdict(20, 40, "JPEG")


def test_one_child_serves_many_pictures() -> None:
    with Sandbox() as sandbox:
        sandbox.check(GOOD)
        first = sandbox._child
        with pytest.raises(BadInput, match="cannot be decoded"):
            sandbox.check(b"not a picture")
        sandbox.check(GOOD)
        assert sandbox._child is first


def test_a_picture_that_takes_too_long_is_refused_and_the_next_gets_a_new_child() -> None:
    with Sandbox(seconds=0.5) as sandbox:
        sandbox.check(GOOD)
        assert sandbox._child is not None
        os.kill(sandbox._child.process.pid, signal.SIGSTOP)  # a decoder that never comes back
        started = time.monotonic()
        with pytest.raises(BadInput, match=r"longer than 0.5 s"):
            sandbox.check(GOOD)
        assert time.monotonic() - started < 30
        sandbox._seconds = 20
        assert sandbox.check(GOOD).width == 32


def test_a_picture_that_takes_too_much_memory_is_refused() -> None:
    big = encode(np.zeros((5000, 5000, 3), np.uint8))
    with Sandbox(memory_bytes=30 * 1024 * 1024) as sandbox:
        with pytest.raises(BadInput, match="more memory than it may have"):
            sandbox.check(big)
        assert sandbox.check(GOOD).width == 32
    with Sandbox() as sandbox:
        assert sandbox.check(big).width == 5000


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "RGBA", "L", "1"])
def test_a_picture_at_the_limit_of_pixels_fits_into_the_memory(mode: str) -> None:
    picture = Image.new(mode, (7000, 7000))
    buffer = io.BytesIO()
    picture.save(buffer, "TIFF" if mode == "CMYK" else "PNG", **({"compression": "tiff_lzw"} if mode == "CMYK" else {}))
    with Sandbox(seconds=60) as sandbox:
        assert sandbox.check(buffer.getvalue()).width == 7000


def test_a_decoder_that_crashes_takes_only_its_picture_with_it() -> None:
    with Sandbox() as sandbox:
        sandbox.check(GOOD)
        assert sandbox._child is not None
        os.kill(sandbox._child.process.pid, signal.SIGSEGV)
        sandbox._child.process.wait()
        with pytest.raises(BadInput, match="died of it"):
            sandbox.check(GOOD)
        assert sandbox.check(GOOD).width == 32


def test_the_child_ends_with_its_sandbox() -> None:
    with Sandbox() as sandbox:
        sandbox.check(GOOD)
        child = sandbox._child
    assert child is not None
    assert child.process.poll() == 0
