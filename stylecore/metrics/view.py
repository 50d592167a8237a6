"""The part of two pictures that is compared: what can be seen, over mid-grey where it is half transparent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stylecore.image import Picture

_MID_GREY = 128.0 / 255.0
_BT601 = (0.299, 0.587, 0.114)

Levels = npt.NDArray[np.float32]
Box = tuple[slice, slice]


def visible(picture: Picture) -> Tensor | None:
    """1 x 3 x H x W of 0..1, cropped to the smallest box around all visible pixels; ``None`` where there are none.

    Cropped, because a logo on a large transparent sheet would otherwise score as hardly changed.
    """
    if picture.alpha is None:
        return _tensor(picture.pixels.astype(np.float32) / 255.0)
    box = visible_box(picture)
    if box is None:
        return None
    cover = picture.alpha[box][..., None].astype(np.float32) / 255.0
    return _tensor(picture.pixels[box].astype(np.float32) / 255.0 * cover + _MID_GREY * (1.0 - cover))


def visible_box(picture: Picture) -> Box | None:
    """Rows and columns of the smallest box around all visible pixels; ``None`` where there are none."""
    if picture.alpha is None:
        return slice(0, picture.height_px), slice(0, picture.width_px)
    rows, columns = (np.flatnonzero(picture.alpha.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def luma(rgb: Tensor) -> Tensor:
    """BT.601 luma of gamma-coded sRGB, which is what JPEG and most published SSIM values mean by luminance."""
    weights = torch.tensor(_BT601, dtype=rgb.dtype)[None, :, None, None]
    return (rgb * weights).sum(dim=1, keepdim=True)


def _tensor(levels: Levels) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(levels)).permute(2, 0, 1)[None].contiguous()
