"""Pictures that mean harm, and pictures that were harmed: more than 5,000, each with a name."""

from __future__ import annotations

import functools
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.support.pictures import drawing

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
Named = tuple[str, bytes]


@functools.cache
def corpus(seed: int = 0) -> tuple[Named, ...]:
    """Return (name, bytes) pairs, the same for the same seed."""
    return tuple(_everything(seed))


def _everything(seed: int) -> Iterator[Named]:
    dice = random.Random(seed)
    seeds = list(_seeds())
    for name, data in seeds:
        yield name, data
        yield from harmed(name, data, dice)
    yield from _bombs()
    yield from _giant_headers()
    yield from _polyglots(dict(seeds))
    yield from _renamed()


def _seeds() -> Iterator[Named]:
    colour = Image.fromarray(drawing("spots", 7, side=48))
    for kind in FORMATS:
        yield f"plain {kind}", _save(colour, kind)
    for mode in ("L", "P", "1", "RGBA", "LA"):
        yield f"{mode} PNG", _save(colour.convert("RGB").convert(mode) if mode != "LA" else colour.convert("LA"), "PNG")
    yield "CMYK JPEG", _save(colour.convert("CMYK"), "JPEG")
    yield "grey JPEG", _save(colour.convert("L"), "JPEG")
    yield "progressive JPEG", _save(colour, "JPEG", progressive=True)
    yield "lossless WEBP", _save(colour, "WEBP", lossless=True)
    yield "16-bit PNG", _save(Image.fromarray(np.full((48, 48), 30000, np.uint16)), "PNG")
    yield (
        "animated GIF",
        _save(colour, "GIF", save_all=True, append_images=[Image.fromarray(drawing("bars", i, side=48)) for i in range(3)]),
    )
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "turned JPEG", _save(colour, "JPEG", exif=exif)


def _save(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def harmed(name: str, data: bytes, dice: random.Random) -> Iterator[Named]:
    """Yield some 280 pictures that were this one: cut off, with a bit turned over, with bytes written over."""
    yield from _truncated(name, data, dice)
    yield from _flipped(name, data, dice)
    yield from _overwritten(name, data, dice)


def _truncated(name: str, data: bytes, dice: random.Random) -> Iterator[Named]:
    lengths = {0, 1, 2, 3, 8, 16, 64, len(data) - 1, *(dice.randrange(len(data)) for _ in range(80))}
    for length in sorted(length for length in lengths if 0 <= length < len(data)):
        yield f"{name} cut at {length}", data[:length]


def _flipped(name: str, data: bytes, dice: random.Random) -> Iterator[Named]:
    for _ in range(110):
        place = dice.randrange(min(len(data), 600)) if dice.random() < 0.5 else dice.randrange(len(data))
        bad = bytearray(data)
        bad[place] ^= 1 << dice.randrange(8)
        yield f"{name} flipped at {place}", bytes(bad)


def _overwritten(name: str, data: bytes, dice: random.Random) -> Iterator[Named]:
    for filling in (b"\x00" * 8, b"\xff" * 8, b"\x7f\xff\xff\xff" * 2):
        for _ in range(30):
            place = dice.randrange(max(1, len(data) - 8))
            yield f"{name} {filling[:2].hex()} at {place}", data[:place] + filling + data[place + 8 :]


def _bombs() -> Iterator[Named]:
    for side, mode in ((9459, "1"), (16000, "1"), (20000, "1"), (4096, "L"), (12000, "L")):
        yield f"{mode} PNG of {side} x {side}", _save(Image.new(mode, (side, side)), "PNG")
    yield "GIF of 16000 x 16000", _save(Image.new("L", (16000, 16000)), "GIF")
    yield "WEBP of 8000 x 8000", _save(Image.new("RGB", (8000, 8000)), "WEBP", quality=1, method=0)
    yield "JPEG of 16000 x 16000", _save(Image.new("L", (16000, 16000)), "JPEG", quality=1)
    frames = [Image.new("P", (8, 8), index % 256) for index in range(10_000)]
    yield "GIF of 10,000 frames", _save(frames[0], "GIF", save_all=True, append_images=frames[1:])
    yield "PNG with a comment of 64 MB", _with_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"A" * 64_000_000, 9))
    yield "PNG with a profile of 64 MB", _with_chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"\0" * 64_000_000, 9))
    yield "PNG with 20,000 chunks", _with_chunk(b"tEXt", b"k\0v", times=20_000)


def _with_chunk(kind: bytes, body: bytes, times: int = 1) -> bytes:
    """Put a chunk after the header of a small PNG."""
    good = _save(Image.new("RGB", (16, 16)), "PNG")
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return good[:33] + chunk * times + good[33:]


def _giant_headers() -> Iterator[Named]:
    """Yield small files that say they are 65,535 pixels a side, or more."""
    jpeg = bytearray(_save(Image.new("RGB", (16, 16)), "JPEG"))
    start = jpeg.index(b"\xff\xc0")
    jpeg[start + 5 : start + 9] = b"\xff\xff\xff\xff"
    yield "JPEG header of 65535", bytes(jpeg)
    png = bytearray(_save(Image.new("RGB", (16, 16)), "PNG"))
    for side in (65_535, 2**31 - 1):
        png[16:24] = struct.pack(">II", side, side)
        png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
        yield f"PNG header of {side}", bytes(png)
    gif = bytearray(_save(Image.new("P", (16, 16)), "GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    yield "GIF header of 65535", bytes(gif)
    bmp = bytearray(_save(Image.new("RGB", (16, 16)), "BMP"))
    bmp[18:26] = struct.pack("<ii", 65_535, -65_535)
    yield "BMP header of 65535", bytes(bmp)
    tiff = struct.pack("<2sHIH", b"II", 42, 8, 4)
    for tag, value in ((256, 2**31 - 1), (257, 2**31 - 1), (258, 8), (273, 8)):
        tiff += struct.pack("<HHII", tag, 4, 1, value)
    yield "TIFF header of 2147483647", tiff + b"\0\0\0\0"
    yield "TIFF that points at itself", struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, 256, 4, 1, 16, 8)


def _polyglots(seeds: dict[str, bytes]) -> Iterator[Named]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("../../evil.py", "import os; os.system('touch /tmp/owned')")
    for name in ("plain JPEG", "plain PNG", "plain GIF", "plain BMP", "plain WEBP"):
        yield f"{name} and a zip", seeds[name] + archive.getvalue()
        yield f"{name} and a script", seeds[name] + b"\n<?php system('id'); ?><script>alert(1)</script>"
        yield f"a zip and {name}", archive.getvalue() + seeds[name]
    yield "GIF that is a script", b"GIF89a/*" + b"\0" * 10 + b"*/=1;alert(1)"
    yield "JPEG with a PDF", b"%PDF-1.4\n" + seeds["plain JPEG"]


def _renamed() -> Iterator[Named]:
    """Yield other formats that a file name could pretend to be a picture."""
    yield "EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n(%pipe%id) (r) file\nshowpage\n"
    yield "PDF", b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    yield "SVG", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    yield "SVG with entities", b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><svg>&b;</svg>'
    yield "FITS", b"SIMPLE  =                    T".ljust(80) + b"END".ljust(2800)
    yield "PSD", b"8BPS\0\1" + b"\0" * 6 + struct.pack(">HIIHH", 3, 30000, 30000, 8, 3) + b"\0" * 64
    yield "ICO", b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, 40, 22) + b"\0" * 80
    yield "PCX", b"\x0a\x05\x01\x08" + struct.pack("<HHHH", 0, 0, 65_000, 65_000) + b"\0" * 120
    yield "TGA", b"\0\0\x0a" + b"\0" * 9 + struct.pack("<HHBB", 65_000, 65_000, 24, 0) + b"\xff\0\0\0" * 10
    yield "PPM", b"P6 60000 60000 255\n" + b"\0" * 100
    yield "JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 60
    yield "AVIF", b"\0\0\0\x1cftypavif" + b"\0" * 100
    yield "pickle", b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R."
    yield "ELF", b"\x7fELF\x02\x01\x01" + b"\0" * 100
    yield "gzip", b"\x1f\x8b\x08" + b"\0" * 60
    yield "text", b"I am not a picture.\n" * 20
    yield "nothing", b""
    yield "zeros", b"\0" * 5000
