"""More than 5,000 harmful and harmed pictures: each is accepted or refused with a reason, in time and memory."""

from __future__ import annotations

import io
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from common import images, shards
from common.dataset import rows_of
from common.errors import BadInput
from common.sandbox import SECONDS, Sandbox, Verdict
from common.store.memory import MemoryStore
from tests.support.hostile import Named, corpus, harmed
from tests.support.pictures import drawing, encode, make_folder
from tests.support.scraped import snapshot_of

MEMORY_BYTES = 512 * 1024 * 1024


def test_every_picture_is_accepted_or_refused_with_a_reason_in_time_and_memory() -> None:
    accepted = refused = biggest = 0
    slowest = 0.0
    with Sandbox() as sandbox:
        for name, data in corpus():
            started = time.monotonic()
            verdict = _verdict(sandbox, data)
            slowest = max(slowest, time.monotonic() - started)
            biggest = max(biggest, _peak(sandbox))
            if isinstance(verdict, str):
                refused += 1
                assert 3 < len(verdict) < 300, name
            else:
                accepted += 1
                assert min(verdict.width, verdict.height) >= 8, name
                assert verdict.width * verdict.height <= 50_000_000, name
    print(f"{accepted} accepted, {refused} refused, slowest {slowest:.2f} s, biggest {biggest / 2**20:.0f} MiB")
    assert accepted + refused >= 5000
    assert min(accepted, refused) > 1000
    assert slowest <= SECONDS + 2  # the decision itself, and a new child
    assert biggest <= MEMORY_BYTES


def _verdict(sandbox: Sandbox, data: bytes) -> Verdict | str:
    """Return what the sandbox says: a picture, or the reason why it is none."""
    try:
        return sandbox.check(data)
    except BadInput as error:
        return str(error)


def _peak(sandbox: Sandbox) -> int:
    """Return the most memory that the child ever held, in bytes (Linux; elsewhere nought)."""
    status = Path(f"/proc/{sandbox._child.process.pid}/status") if sandbox._child else None
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status and status.exists() else None
    return int(found[1]) * 1024 if found else 0


def test_a_picture_is_judged_the_same_at_every_scale() -> None:
    """What a sandbox accepts at an eighth, later stages must be able to decode in full."""
    accepted = refused = 0
    for name, data in [*_harmed_jpegs(), *corpus()]:
        whole = _judged(data, 0)
        assert _judged(data, 1) == whole, name
        assert _judged(data, 24) == whole, name
        accepted, refused = accepted + isinstance(whole, tuple), refused + isinstance(whole, str)
    assert min(accepted, refused) > 3000


def _harmed_jpegs() -> Iterator[Named]:
    """Yield JPEGs of every kind that are large enough for an eighth of them to be something."""
    picture, dice = drawing("spots", 3, side=150), random.Random(1)
    turned = Image.Exif()
    turned[images.ORIENTATION] = 6
    options: dict[str, dict[str, object]] = {
        "baseline": {},
        "progressive": {"progressive": True},
        "full colour": {"subsampling": 0},
        "restarts": {"restart_marker_blocks": 3},
        "RGB": {"keep_rgb": True},
        "turned": {"exif": turned, "progressive": True},
    }
    for name, chosen in options.items():
        yield from harmed(name, encode(picture, "JPEG", **chosen), dice)
    for mode in ("L", "CMYK"):
        buffer = io.BytesIO()
        Image.fromarray(picture).convert(mode).save(buffer, "JPEG")
        yield from harmed(mode, buffer.getvalue(), dice)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "MPO", save_all=True, append_images=[Image.fromarray(picture[::-1])])
    yield from harmed("MPO", buffer.getvalue(), dice)


def _judged(data: bytes, side: int) -> tuple[int, int, str] | str:
    try:
        found = images.open_reduced(data, side)
    except BadInput as error:
        return str(error)
    assert min(found.image.size) >= min(side, found.width, found.height)
    assert abs(found.image.width / found.image.height / (found.width / found.height) - 1) < 0.15
    return found.width, found.height, found.format


def test_no_shard_fails_for_one(memory: MemoryStore, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "pictures", {"bars": 4, "rows": 4})
    nasty = [data for number, (_, data) in enumerate(corpus()) if number % 17 == 0]
    for number, data in enumerate(nasty):
        (folder / "bars" / f"nasty-{number:04d}.jpg").write_bytes(data)
    snapshot = snapshot_of(memory, folder, shard_pictures=100)
    rows = rows_of(snapshot)
    assert len(rows) == len(nasty) + 8
    assert all(bool(row.id) != bool(row.reason) for row in rows)
    assert sum(1 for row in rows if row.label == "rows" and row.id) == 4
    held = {entry.id for unit in snapshot.units for entry in shards.read_index(unit)}
    assert {row.id for row in rows if row.id} == held


@pytest.mark.parametrize("name", ["1 PNG of 16000 x 16000", "EPS", "PDF", "PNG header of 65535", "JPEG header of 65535", "AVIF", "pickle"])
def test_what_must_not_be_opened_is_refused(name: str) -> None:
    data = dict(corpus())[name]
    with Sandbox() as sandbox, pytest.raises(BadInput):
        sandbox.check(data)
