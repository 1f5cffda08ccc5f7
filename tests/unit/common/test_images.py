"""Pictures: decoded upright and safely, and preprocessed in one way."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from common import images
from common.errors import BadInput
from common.images import Limits, Preprocessing
from tests.support.pictures import drawing, encode

CORNERS = np.zeros((24, 32, 3), np.uint8)
CORNERS[:12, :16] = (255, 0, 0)  # red above left
CORNERS[:12, 16:] = (0, 255, 0)
CORNERS[12:, :16] = (0, 0, 255)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_allowed_format_is_decoded_as_rgb(kind: str) -> None:
    pixels, name = images.decode(encode(CORNERS, kind)), images.open_upright(encode(CORNERS, kind))[1]
    assert (pixels.shape, str(pixels.dtype), name) == ((24, 32, 3), "uint8", kind)
    assert np.abs(pixels[4, 4].astype(int) - (255, 0, 0)).max() < 40
    assert kind in images.EXTENSIONS


def test_a_jpeg_with_a_second_picture_is_a_jpeg() -> None:
    buffer = io.BytesIO()
    Image.fromarray(CORNERS).save(buffer, "MPO", save_all=True, append_images=[Image.fromarray(CORNERS[::-1])])
    image, kind = images.open_upright(buffer.getvalue())
    assert (kind, image.size) == ("JPEG", (32, 24))
    assert image.getpixel((4, 4)) == pytest.approx((255, 0, 0), abs=40)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    stored = Image.fromarray(CORNERS)
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    turned = stored.transpose(undo[orientation]) if orientation in undo else stored
    turned.save(buffer, "PNG", exif=exif)
    np.testing.assert_array_equal(images.decode(buffer.getvalue()), CORNERS)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "RGBA", "LA", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    grey = Image.fromarray(np.full((16, 16), 200, np.uint8))
    if mode == "I;16":
        picture = Image.fromarray(np.full((16, 16), 200 * 257, np.uint16))
    else:
        picture = grey.convert("RGB").convert(mode) if mode in ("CMYK", "RGBA", "P") else grey.convert(mode)
    buffer = io.BytesIO()
    picture.save(buffer, "TIFF" if mode in ("CMYK", "I;16") else "PNG")
    pixels = images.decode(buffer.getvalue())
    assert pixels.shape == (16, 16, 3)
    assert abs(int(pixels.mean()) - (255 if mode == "1" else 200)) < 60


def test_transparency_is_laid_over_white() -> None:
    clear = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    buffer = io.BytesIO()
    clear.save(buffer, "PNG")
    assert (images.decode(buffer.getvalue()) == 255).all()


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "green")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    assert images.decode(buffer.getvalue())[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"not a picture", "cannot be decoded"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "cannot be decoded"),
        (encode(drawing("bars", 1))[:200], "cannot be decoded"),
        (encode(drawing("bars", 1), "JPEG")[:100], "cannot be decoded"),
        (encode(np.zeros((4, 400, 3), np.uint8)), "a side is under 8"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        images.decode(data)


def test_limits_are_checked_before_decoding() -> None:
    big = encode(np.zeros((200, 300, 3), np.uint8))
    with pytest.raises(BadInput, match="300 x 200 pixels"):
        images.decode(big, Limits(max_pixels=50_000))
    with pytest.raises(BadInput, match="300 x 200 pixels"):
        images.decode(big, Limits(max_side=250))
    with pytest.raises(BadInput, match="bytes, more than 10"):
        images.decode(big, Limits(max_bytes=10))


def test_a_bomb_of_a_few_bytes_is_refused_without_being_unpacked() -> None:
    buffer = io.BytesIO()
    Image.new("1", (12_000, 9_000)).save(buffer, "PNG")
    assert len(buffer.getvalue()) < 60_000
    with pytest.raises(BadInput, match="12000 x 9000"):
        images.decode(buffer.getvalue())


@pytest.mark.parametrize("colour", ["RGB", "BGR"])
def test_every_value_is_scaled_and_centred_to_the_last_bit(colour: Literal["RGB", "BGR"]) -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    levels = np.random.default_rng(0).permuted(np.tile(np.arange(256, dtype=np.uint8), (3, 1)), axis=1).T.reshape(16, 16, 3)
    how = Preprocessing(resolution=16, fit="stretch", colour=colour, mean=mean, std=std)
    ordered = levels if colour == "RGB" else levels[:, :, ::-1]
    expected = (ordered.astype(np.float32) * np.float32(1 / 255) - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)
    np.testing.assert_array_equal(images.preprocess(levels, how), expected.transpose(2, 0, 1))


@pytest.mark.parametrize("fit", ["cover", "letterbox", "stretch"])
@pytest.mark.parametrize("shape", [(40, 90), (90, 40), (64, 64), (20, 300), (9, 8)])
def test_preprocessing_gives_a_square_of_the_resolution(fit: str, shape: tuple[int, int]) -> None:
    how = Preprocessing(resolution=32, fit=fit)  # type: ignore[arg-type]
    tensor = images.preprocess(np.full((*shape, 3), 51, np.uint8), how)
    assert (tensor.shape, str(tensor.dtype)) == ((3, 32, 32), "float32")
    assert tensor[:, 16, 16] == pytest.approx(0.2)


def test_letterbox_pads_and_cover_cuts() -> None:
    wide = np.full((10, 40, 3), 255, np.uint8)
    boxed = images.preprocess(wide, Preprocessing(resolution=40, fit="letterbox", pad=114, scale=1.0))
    assert boxed[0, 0, 0] == 114
    assert boxed[0, 20, 20] == 255
    assert images.preprocess(wide, Preprocessing(resolution=40, fit="cover", scale=1.0)).min() == 255


def test_channels_are_ordered_scaled_and_centred_as_the_card_says() -> None:
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 255
    how = Preprocessing(resolution=16, colour="BGR", scale=1.0, mean=(114.0, 114.0, 114.0), std=(1.0, 1.0, 2.0))
    assert images.preprocess(red, how)[:, 0, 0].tolist() == [-114.0, -114.0, 70.5]


def test_a_resolution_of_nought_keeps_the_card_s_own() -> None:
    how = Preprocessing(resolution=224)
    assert how.at(0) is how
    assert how.at(896).resolution == 896


def test_a_thumbnail_is_a_small_jpeg() -> None:
    small = images.decode(images.thumbnail(np.zeros((300, 600, 3), np.uint8), 100))
    assert small.shape == (50, 100, 3)
