"""The child that decodes what is not ours: its limits, and that it is replaced when it dies."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import BadInput, Retryable
from common.images import Preprocessing, decode, fit
from common.sandbox import Sandbox, Sandboxes, Verdict, look, prepare
from tests.support.pictures import drawing, encode

GOOD = encode(drawing("bars", 1), "JPEG")
LARGE = encode(drawing("noise", 2, side=1000))  # more than a pipe holds


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


def test_the_time_that_a_child_needs_to_begin_is_no_picture_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = tmp_path / "late"
    late.write_text(f'#!/bin/sh\nsleep 3\nexec {sys.executable} "$@"\n')
    late.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(late))
    with Sandbox(seconds=2) as sandbox:
        assert sandbox.check(GOOD).width == 32


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="a process's environment is only seen on Linux")
def test_no_key_is_within_a_decoder_s_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_BRAVE_KEY", "a secret")
    with Sandbox() as sandbox:
        sandbox.check(GOOD)
        assert sandbox._child is not None
        seen = Path(f"/proc/{sandbox._child.process.pid}/environ").read_bytes()
    assert b"PYTHONPATH=" in seen
    assert b"secret" not in seen.lower()


def test_a_child_that_does_not_even_read_is_given_up() -> None:
    with Sandbox(seconds=0.5) as sandbox:
        sandbox.check(GOOD)
        assert sandbox._child is not None
        os.kill(sandbox._child.process.pid, signal.SIGSTOP)
        assert len(LARGE) > 1024 * 1024
        with pytest.raises(BadInput, match=r"longer than 0.5 s"):
            sandbox.check(LARGE)
        sandbox._seconds = 20
        assert sandbox.check(LARGE).width == 1000


@pytest.mark.parametrize("answer", [b"\0\0\0\1\0\0\0\0\0\0\0\0[", b"\xff" * 12, b"\0\0\0\2" + b"\xff" * 8 + b"{}", b"\0"])
def test_a_child_that_answers_nonsense_is_given_up(answer: bytes) -> None:
    """A decoder that was taken over may say anything; it costs us neither memory nor an error of another kind."""
    with Sandbox() as sandbox:
        sandbox.check(GOOD)
        assert sandbox._child is not None
        reading, writing = os.pipe()
        os.write(writing, answer)
        os.close(writing)
        os.dup2(reading, sandbox._child._answers)
        os.close(reading)
        with pytest.raises(BadInput, match="died of it"):
            sandbox.check(GOOD)
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


@pytest.mark.parametrize(("turn", "size"), [(1, (300, 256)), (6, (256, 300))])
def test_a_large_picture_is_shrunk_to_its_short_side_upright(turn: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    picture = encode(np.full((1024, 1200, 3), (200, 100, 50), np.uint8), "JPEG", exif=exif)
    with Sandbox() as sandbox:
        verdict = sandbox.check(picture, side=256)
        assert sandbox.check(picture, side=256) == verdict == look(picture, side=256)
    assert (verdict.width, verdict.height, verdict.format) == (*size, "JPEG")
    small = decode(verdict.data)
    assert small.shape == (size[1], size[0], 3)
    assert np.abs(small.astype(int) - (200, 100, 50)).max() <= 3
    assert Image.open(io.BytesIO(verdict.data)).getexif() == {}


@pytest.mark.parametrize("side", [32, 33, 5000])
def test_a_picture_is_never_enlarged(side: int) -> None:
    with Sandbox() as sandbox:
        assert sandbox.check(GOOD, side=side) == Verdict(32, 32, "JPEG", b"")


def test_what_is_shrunk_looks_as_the_whole_does() -> None:
    """Half of the work is left out by decoding at a half or a quarter; the difference is less than JPEG's own."""
    ramp = np.linspace(0, 255, 900, dtype=np.uint8)
    picture = np.stack([np.tile(ramp, (700, 1)), np.tile(ramp[:700, None], (1, 900)), np.full((700, 900), 90, np.uint8)], axis=-1)
    whole = Image.fromarray(picture)
    for side in (100, 180, 256, 400, 699):
        small = decode(look(encode(picture, "JPEG", quality=95), side=side).data)
        wanted = np.asarray(whole.resize((small.shape[1], small.shape[0]), Image.Resampling.BOX))
        assert np.abs(small.astype(int) - wanted).mean() < 3, side


def test_as_many_threads_as_there_are_sandboxes_check_at_once() -> None:
    pictures = [encode(drawing("spots", seed, side=16 + seed), "JPEG") for seed in range(40)]
    pictures[7] = b"not a picture"
    with Sandboxes(3) as sandboxes, ThreadPoolExecutor(6) as pool:

        def checked(data: bytes) -> int | str:
            try:
                return sandboxes.check(data).width
            except BadInput as error:
                return str(error)[:17]

        found = list(pool.map(checked, pictures))
        children = [one._child for one in sandboxes._all]
    assert found == [*range(16, 23), "cannot be decoded", *range(24, 56)]
    assert [child.process.poll() for child in children if child] == [0] * 3


def test_a_child_that_does_not_start_is_no_picture_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with Sandbox() as sandbox, pytest.raises(Retryable, match=r"did not start \(exit code 1\)"):
        sandbox.check(GOOD)


def test_one_thread_needs_one_child() -> None:
    with Sandboxes(4) as sandboxes:
        for _ in range(5):
            sandboxes.check(GOOD)
        assert sum(1 for one in sandboxes._all if one._child) == 1


def test_a_child_with_a_preprocessing_makes_the_same_input_as_this_process() -> None:
    how = Preprocessing(resolution=24, mean=(0.5, 0.4, 0.3))
    with Sandboxes(1, how=how) as sandboxes:
        sandboxes.start()
        assert sandboxes.check(LARGE) == prepare(LARGE, how)
        with pytest.raises(BadInput, match="cannot be decoded"):
            sandboxes.check(b"not a picture")
    assert np.array_equal(np.frombuffer(prepare(GOOD, how).data, np.uint8), fit(decode(GOOD), how).ravel())
