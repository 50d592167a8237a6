"""Smaller and upright: pictures that Pillow holds, and samples that it cannot hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from stylecore.picture import Pixels, Samples

_TYPICAL_GAMMA = 2.2
"""Light is averaged, not its code. Which curve exactly the code has hardly matters for an average of neighbours."""


def fitting(size: tuple[int, int], max_edge_px: int | None) -> tuple[int, int]:
    long_edge = max(size)
    if max_edge_px is None or long_edge <= max_edge_px:
        return size
    return max(1, round(size[0] * max_edge_px / long_edge)), max(1, round(size[1] * max_edge_px / long_edge))


def scaled(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Lanczos; Pillow premultiplies RGBA around it, so that hidden colours do not bleed in."""
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def planes(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    values = np.array(image)
    if image.mode == "RGBA":
        return np.ascontiguousarray(values[..., :3]), np.ascontiguousarray(values[..., 3])
    return values, None


def scaled_samples(
    samples: Samples, alpha: Samples | None, size: tuple[int, int], are_inks: bool
) -> tuple[Samples, Samples | None]:
    """Lanczos as well, in linear light and in floats, with colours weighed by how much of them is visible."""
    if (samples.shape[1], samples.shape[0]) == size:
        return samples, alpha
    gamma = 1.0 if are_inks else _TYPICAL_GAMMA
    most = np.float32(np.iinfo(samples.dtype).max)
    cover = np.ones(samples.shape[:2], np.float32) if alpha is None else alpha.astype(np.float32) / most
    smaller_cover = _resized(cover, size)
    shares = samples.astype(np.float32) / most
    smaller = [_resized(shares[..., channel] ** np.float32(gamma) * cover, size) for channel in range(shares.shape[2])]
    light = np.stack(smaller, axis=-1) / np.maximum(smaller_cover, 1e-6)[..., None]
    shown = light.clip(0, 1) ** np.float32(1 / gamma)
    return _coded(shown, samples.dtype), None if alpha is None else _coded(smaller_cover.clip(0, 1), samples.dtype)


def turned(values: Samples, turn: Image.Transpose | None) -> Samples:
    """What ``Image.transpose`` does, for an array of any depth."""
    ways = {
        Image.Transpose.FLIP_LEFT_RIGHT: lambda: values[:, ::-1],
        Image.Transpose.FLIP_TOP_BOTTOM: lambda: values[::-1],
        Image.Transpose.ROTATE_90: lambda: np.rot90(values, 1),
        Image.Transpose.ROTATE_180: lambda: np.rot90(values, 2),
        Image.Transpose.ROTATE_270: lambda: np.rot90(values, 3),
        Image.Transpose.TRANSPOSE: lambda: values.swapaxes(0, 1),
        Image.Transpose.TRANSVERSE: lambda: np.rot90(values, 2).swapaxes(0, 1),
    }
    return values if turn is None else np.ascontiguousarray(ways[turn]())


def _resized(plane: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.array(image.resize(size, Image.Resampling.LANCZOS))


def _coded(shares: npt.NDArray[Any], depth: np.dtype[Any]) -> Samples:
    return np.asarray(np.rint(shares * np.float32(np.iinfo(depth).max)).astype(depth))
