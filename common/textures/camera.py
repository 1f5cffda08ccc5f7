"""What happens in the photograph: pose, light, lens, sensor, JPEG.

Light is added up on linear values (the square of the stored ones, a gamma of 2), because shade
that is multiplied into gamma-coded values is what makes renderings look painted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from common.textures.drape import Surface, lay_on_table
from common.textures.fields import Image, Plane, Shape, axes, enlarge, rotate, smooth_noise, soften

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from common.textures.settings import LightSettings, PoseSettings, SensorSettings, Settings
    from common.textures.streams import Streams

CANVAS_SIDE = 1.45
"""Side of the square canvas, in long sides of the picture: room for any turn."""


def photograph(streams: Streams, cloth: Image, surface: Surface, settings: Settings) -> NDArray[np.uint8]:
    """Photograph flat *cloth* (a square) that lies as *surface* (H, W) says: (H, W, 3) RGB."""
    view = _look(streams.named("camera.pose"), cloth, surface, settings.pose)
    view = lay_on_table(streams.named("camera.table"), view, surface)
    scene = view * view * _illuminate(streams, surface, settings.light)[..., None]
    scene = scene + _sheen(streams.named("camera.sheen"), surface, settings.light)[..., None]
    scene = _focus(streams.named("camera.lens"), scene, settings.sensor)
    exposed = _expose(streams.named("camera.exposure"), scene, settings.sensor)
    sensed = _sense(streams.named("camera.noise"), exposed, settings.sensor)
    return (sensed * np.float32(255) + np.float32(0.5)).astype(np.uint8)


# --- pose --------------------------------------------------------------------------------------


def _look(rng: Generator, cloth: Image, surface: Surface, pose: PoseSettings) -> Image:
    """Take the picture's pixels from the cloth, once, so that nothing is blurred twice."""
    y, x = _cloth_places(rng, surface.light.shape, cloth.shape[0], pose)
    middle = np.float32((cloth.shape[0] - 1) / 2)
    taken = cv2.remap(
        cloth,
        x + surface.shift_x + middle,
        y + surface.shift_y + middle,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(taken, dtype=np.float32)


def _cloth_places(rng: Generator, shape: Shape, canvas_px: int, pose: PoseSettings) -> tuple[Plane, Plane]:
    """Intersect each pixel's ray with the cloth: y and x on it, in pixels from its middle."""
    focal_px = max(shape) * rng.uniform(1.0, 2.2)
    tilt_rad, toward_rad = np.radians(pose.tilt_deg.uniform(rng)), rng.uniform(0, 2 * np.pi)
    y, x = rotate(*axes(shape), float(toward_rad))
    depth = np.float32(np.cos(tilt_rad)) + x * np.float32(np.sin(tilt_rad) / focal_px)
    y, x = y * np.float32(np.cos(tilt_rad)) / depth, x / depth
    y, x = rotate(y, x, _turn_rad(rng, pose) - float(toward_rad))
    room = 0.48 * canvas_px - 4
    fit = np.float32(min(1.0, room / _reach(y), room / _reach(x)))
    return y * fit, x * fit


def _reach(places: Plane) -> float:
    """Give the largest distance from the middle; the corners of the picture have it."""
    return float(np.abs(places[[0, 0, -1, -1], [0, -1, 0, -1]]).max())


def _turn_rad(rng: Generator, pose: PoseSettings) -> float:
    """Draw how the picture is turned."""
    kind = rng.random()
    if kind < pose.any_rotation_chance:
        return float(rng.uniform(0, 2 * np.pi))
    quarter = np.pi / 2 if rng.random() < pose.quarter_turn_chance else 0.0
    return float(quarter + np.radians(pose.skew_deg.uniform(rng)))


# --- light -------------------------------------------------------------------------------------


def _illuminate(streams: Streams, surface: Surface, light: LightSettings) -> Plane:
    """Give the light on every pixel, about 1 on flat cloth."""
    rng = streams.named("camera.light")
    elevation_rad, azimuth_rad = np.radians(light.elevation_deg.uniform(rng)), _azimuth(rng)
    shade = _lambert(surface, float(elevation_rad), azimuth_rad, float(rng.uniform(0.25, 0.55)))
    shade = shade * surface.light
    y, x = axes(surface.light.shape)
    _, toward = rotate(y, x, azimuth_rad)
    falloff = np.float32(light.falloff.mostly_low(rng) / max(surface.light.shape))
    shade = shade * np.maximum(1 + falloff * toward, np.float32(0.05))
    shade = shade * _vignette(rng, y, x, light)
    lit: Plane = shade * _shadow(streams.named("camera.shadow"), surface.light.shape, light)
    return lit


def _azimuth(rng: Generator) -> float:
    return float(rng.uniform(0, 2 * np.pi))


def _lambert(surface: Surface, elevation_rad: float, azimuth_rad: float, ambient: float) -> Plane:
    """Light a matt surface from one side, beside *ambient* light from everywhere."""
    flat = np.float32(1 / np.tan(elevation_rad))
    toward_y, toward_x = np.float32(np.sin(azimuth_rad)), np.float32(np.cos(azimuth_rad))
    rise = surface.slope_y * toward_y + surface.slope_x * toward_x
    length = np.sqrt(1 + surface.slope_y**2 + surface.slope_x**2)
    direct = np.maximum(1 - flat * rise, 0) / length
    lit: Plane = np.float32(ambient) + np.float32(1 - ambient) * direct
    return lit


def _vignette(rng: Generator, y: Plane, x: Plane, light: LightSettings) -> Plane:
    depth = light.vignette.mostly_low(rng)
    reach = np.float32(max(y.shape[0], x.shape[1]) / 2)
    y, x = y / reach, x / reach
    away = y * y + x * x
    left: Plane = 1 - np.float32(depth / 4) * away * away
    return left


def _shadow(rng: Generator, shape: Shape, light: LightSettings) -> Plane:
    """Cast the shadow of something beside the camera: a straight edge, or a blob."""
    if rng.random() >= light.shadow_chance:
        return np.ones(shape, dtype=np.float32)
    small = (max(8, shape[0] // 4), max(8, shape[1] // 4))
    if rng.random() < 0.5:
        edge, _ = rotate(*axes(small), float(rng.uniform(0, 2 * np.pi)))
        edge = edge - np.float32(min(small) * rng.uniform(-0.3, 0.3))
        soft_share = rng.uniform(0.05, 0.5)
    else:
        edge = smooth_noise(rng, small, rng.uniform(1, 2)) * np.float32(min(small) / 4)
        soft_share = rng.uniform(0.2, 0.6)
    soft = np.float32(min(small) * soft_share)
    lit = np.clip(edge / soft + np.float32(0.5), 0, 1)
    dark = np.float32(light.shadow_depth.uniform(rng))
    return enlarge(1 - dark * lit * lit * (3 - 2 * lit), shape)


def _sheen(rng: Generator, surface: Surface, light: LightSettings) -> Plane:
    """Give the soft highlight of smooth cloth, where the surface faces between lamp and eye."""
    if rng.random() >= light.sheen_chance:
        return np.zeros(surface.light.shape, dtype=np.float32)
    strength = np.float32(light.sheen.mostly_low(rng))
    lean_y, lean_x = rng.normal(0, 0.25, 2).astype(np.float32)
    y, x = axes(surface.light.shape)
    bend = np.float32(0.5 / max(surface.light.shape))
    off_y, off_x = surface.slope_y - lean_y + y * bend, surface.slope_x - lean_x + x * bend
    shine: Plane = strength * surface.light * np.exp(-(off_y**2 + off_x**2) * np.float32(12))
    return shine


# --- lens --------------------------------------------------------------------------------------


def _focus(rng: Generator, scene: Image, sensor: SensorSettings) -> Image:
    """Blur by defocus (all over, or growing to one side) and by the camera's motion."""
    scale = min(scene.shape[:2]) / 320
    sigma = sensor.defocus_px.mostly_low(rng) * scale
    blurred = soften(scene, sigma)
    if rng.random() < 0.25:
        y, x = axes(scene.shape[:2])
        _, side = rotate(y, x, float(rng.uniform(0, 2 * np.pi)))
        near = np.clip(side / np.float32(max(scene.shape[:2])) + np.float32(0.5), 0, 1)
        blurred = scene + (soften(scene, 1.6 * sigma) - scene) * near[..., None]
    length = sensor.motion_px.mostly_low(rng) * scale
    return _move(rng, blurred, length) if length > 1.5 else blurred


def _move(rng: Generator, scene: Image, length_px: float) -> Image:
    """Smear along a straight line."""
    side = 2 * int(np.ceil(length_px / 2)) + 3
    y, x = rotate(*axes((side, side)), float(rng.uniform(0, np.pi)))
    kernel = np.clip(1 - np.abs(y), 0, 1) * np.clip(length_px / 2 + 0.5 - np.abs(x), 0, 1)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    moved = cv2.filter2D(scene, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, dtype=np.float32)


# --- sensor ------------------------------------------------------------------------------------


def _expose(rng: Generator, scene: Image, sensor: SensorSettings) -> Image:
    """Meter half-heartedly (dark cloth stays darker), colour the light, and code the values."""
    metered = 0.3 / max(float(scene.mean()), 0.02)
    gain = metered**0.55 * 2 ** sensor.exposure_stops.uniform(rng)
    cast = sensor.white_balance.mostly_low(rng) * rng.choice([-1.0, 1.0])
    tint = rng.normal(0, 0.25) * cast
    gains = np.array([1 + cast, 1 + tint, 1 - cast]) * gain
    coded = np.sqrt(scene * gains.astype(np.float32))
    gamma = sensor.gamma.uniform(rng)
    coded = np.power(_shoulder(coded), np.float32(gamma))
    grey = coded.mean(axis=2, keepdims=True)
    coded = grey + (coded - grey) * np.float32(sensor.saturation.uniform(rng))
    haze = np.float32(sensor.haze.mostly_low(rng))
    hazy: Image = coded * (1 - haze) + haze
    return hazy


def _shoulder(coded: Image) -> Image:
    """Roll highlights off towards white instead of clipping them."""
    knee = np.float32(0.8)
    over = np.maximum(coded - knee, 0)
    rolled: Image = np.minimum(coded, knee) + (1 - knee) * over / (over + (1 - knee))
    return rolled


def _sense(rng: Generator, exposed: Image, sensor: SensorSettings) -> Image:
    """Add noise (grain more than colour, more in the dark), then the camera's sharpening."""
    shape = exposed.shape[:2]
    spread = np.float32(sensor.noise.mostly_low(rng))
    grain = soften(rng.standard_normal(shape, dtype=np.float32), rng.uniform(0.0, 0.7))
    half = ((shape[0] + 1) // 2, (shape[1] + 1) // 2, 3)
    speckle = enlarge(rng.standard_normal(half, dtype=np.float32), shape)
    noise = grain[..., None] + speckle * np.float32(0.4)
    sensed = exposed + noise * spread * (np.float32(1.2) - np.float32(0.6) * exposed)
    weight = np.float32(sensor.sharpening.mostly_low(rng))
    sensed = sensed + (sensed - soften(sensed, 1.2)) * weight
    return np.clip(sensed, 0, 1)


# --- file --------------------------------------------------------------------------------------


def encode_jpeg(image: NDArray[np.uint8], quality: int) -> bytes:
    """Encode RGB (H, W, 3) as a baseline JPEG; *quality* is libjpeg's, 0 to 100."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        message = f"OpenCV could not encode a picture of shape {image.shape} as JPEG."
        raise ValueError(message)
    return coded.tobytes()
