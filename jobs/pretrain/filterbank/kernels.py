"""The fixed numbers of the banks, computed in float64: kernels to convolve with and matrices over orientation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ORIENTATIONS = 8
GREY = (0.299, 0.587, 0.114)
"""Luma of ITU-R BT.601."""


def gabor_bank(wavelength_px: float, side_px: int) -> Floats:
    """Return Gabor filters, shape (16, 1, side, side): 8 orientations even, then the same odd.

    Each has mean zero (the even ones are made so, as Morlet wavelets are) and absolute sum 1 as a
    complex kernel. The envelope's standard deviations are 0.45 and 0.6 wavelengths.
    Source: Daugman, JOSA A 1985; Bruna and Mallat, Invariant scattering, PAMI 2013.
    """
    sigma = 0.45 * wavelength_px
    x, y = _grid(side_px)
    bank = []
    for angle in np.pi * np.arange(ORIENTATIONS) / ORIENTATIONS:
        across, along = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        envelope = np.exp(-(across**2 + (0.75 * along) ** 2) / (2 * sigma**2))
        wave = np.exp(2j * np.pi * across / wavelength_px)
        kernel = envelope * (wave - (envelope * wave).sum() / envelope.sum())
        bank.append(kernel / np.abs(kernel).sum())
    pairs = np.asarray(bank)
    kernels: Floats = np.concatenate([pairs.real, pairs.imag])[:, None]
    return kernels


def hessian_bank(sigma_px: float, side_px: int) -> Floats:
    """Return second derivatives of a Gaussian, shape (3, 1, side, side): xx + yy, xx - yy, 2 xy."""
    x, y = _grid(side_px)
    gaussian = np.exp(-(x**2 + y**2) / (2 * sigma_px**2))
    gaussian /= gaussian.sum()
    xx, yy, xy = (x / sigma_px) ** 2 - 1, (y / sigma_px) ** 2 - 1, x * y / sigma_px**2
    bank: Floats = gaussian / sigma_px**2 * np.stack([xx + yy, xx - yy, 2 * xy])
    # Sampling leaves the first with a small mean, which would answer to brightness.
    bank -= bank.mean(axis=(1, 2), keepdims=True)
    return bank[:, None]


def smoothing() -> Floats:
    """Return a Gaussian to halve a picture after, shape (1, 1, 5, 5)."""
    x, y = _grid(5)
    gaussian: Floats = np.exp(-(x**2 + y**2) / 2)
    gaussian /= gaussian.sum()
    return gaussian[None, None]


def opponent_colours() -> Floats:
    """Return the 1 x 1 kernels from RGB to lightness, red against green, yellow against blue, shape (3, 3, 1, 1)."""
    return np.asarray([GREY, (0.5, -0.5, 0.0), (0.25, 0.25, -0.5)])[:, :, None, None]


def pair_sums(count: int) -> Floats:
    """Return 1 x 1 kernels that add entry i and entry i + *count*, shape (count, 2 count, 1, 1)."""
    return np.concatenate([np.eye(count), np.eye(count)], axis=1)[:, :, None, None]


def orientation_dft(orders: int) -> Floats:
    """Return the Fourier transform over orientation, shape (2 orders, 8): real parts of orders 1, 2, …, then imaginary.

    Turning the picture by 180 / 8 degrees shifts the orientations by one: it changes phases, never moduli.
    """
    phases = -2 * np.pi * np.outer(np.arange(1, orders + 1), np.arange(ORIENTATIONS)) / ORIENTATIONS
    return np.concatenate([np.cos(phases), np.sin(phases)])


def circular_means() -> Floats:
    """Return the matrix (64, 4) that averages an 8 x 8 table over pairs of orientations 1, 2, 3 and 4 steps apart."""
    first, second = np.divmod(np.arange(ORIENTATIONS**2), ORIENTATIONS)
    steps = (second - first) % ORIENTATIONS
    steps = np.minimum(steps, ORIENTATIONS - steps)
    apart: Floats = (steps[:, None] == np.arange(1, ORIENTATIONS // 2 + 1)).astype(np.float64)
    apart /= apart.sum(axis=0)
    return apart


def _grid(side_px: int) -> tuple[Floats, Floats]:
    offsets: Floats = np.arange(side_px, dtype=np.float64) - side_px // 2
    x, y = np.meshgrid(offsets, offsets)
    return x, y
