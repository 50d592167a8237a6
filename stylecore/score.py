"""Measure a rendition against what it was made from and the style it was made with. An absent score says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stylecore.data import SCORE_NAMES, Digest, Scores
from stylecore.image import Picture
from stylecore.metrics import lpips, ssim, style_gap
from stylecore.metrics.lpips_lite import LpipsLite
from stylecore.metrics.psnr import psnr_db
from stylecore.metrics.view import visible, visible_box
from stylecore.styles.base import Reference, StyleModel
from stylecore.weights import WeightsFolder

_SSIM_SCALES = {"ssim_full": 1, "ssim_quarter": 4, "ssim_eighth": 8}
_DECIMALS = 4


class Judge:
    """What scoring needs beyond the pictures: LPIPS weights where this installation has them, the bundled student of
    LPIPS, and the references' side of the style distance, computed once each. Threads may share one."""

    def __init__(self, weights: WeightsFolder | Path | None = None) -> None:
        folder = WeightsFolder(weights) if isinstance(weights, Path) else weights
        self.lpips = lpips.Lpips.load(folder) if folder is not None else None
        self.lpips_lite = LpipsLite.bundled()
        self._references: dict[Digest, style_gap.Signature | None] = {}

    def reference(self, reference: Reference) -> style_gap.Signature | None:
        key = Digest.of(repr(reference.shape).encode() + reference.tobytes())
        if key not in self._references:
            self._references[key] = style_gap.signature(Picture(reference))
        return self._references[key]


def score(before: Picture, after: Picture, model: StyleModel, judge: Judge) -> Scores:
    """All scores of one rendition, before it is encoded. Both pictures have the same size and the same alpha.

    Similarity is measured on what can be seen: cropped to the visible part, over mid-grey where that is translucent.
    """
    _check_comparable(before, after)
    first, second = visible(before), visible(after)
    if first is None or second is None:
        return Scores(absent=dict.fromkeys(SCORE_NAMES, "nothing is visible"))
    absent: dict[str, str] = {}
    with torch.inference_mode():
        values = {name: _ssim(first, second, name, absent) for name in _SSIM_SCALES}
        values["psnr_db"] = psnr_db(first, second)
        small = lpips.at_working_size(first), lpips.at_working_size(second)
        values["lpips"] = _perceptual(*small, judge.lpips, "lpips", absent)
        values["lpips_lite"] = _perceptual(*small, judge.lpips_lite, "lpips_lite", absent)
    values["style_gap_closed"] = _style_gap(before, after, judge.reference(model.reference), absent)
    return Scores(**{name: _told(value) for name, value in values.items()}, absent=absent)


def ssim_map(before: Picture, after: Picture) -> npt.NDArray[np.float32]:
    """SSIM on luma for every pixel, for the report's heat map; 1 outside the box around all that can be seen."""
    _check_comparable(before, after)
    full = np.ones(before.pixels.shape[:2], dtype=np.float32)
    box, first, second = visible_box(before), visible(before), visible(after)
    if box is not None and first is not None and second is not None:
        full[box] = ssim.ssim_map(first, second)
    return full


def _told(value: float | None) -> float | None:
    """To the fourth decimal: single precision is not the same to the last one each time, and statements are signed."""
    return None if value is None else round(value, _DECIMALS)


def _check_comparable(before: Picture, after: Picture) -> None:
    same_alpha = (before.alpha is None) == (after.alpha is None)
    if before.alpha is not None and after.alpha is not None:
        same_alpha = np.array_equal(before.alpha, after.alpha)
    if before.pixels.shape != after.pixels.shape or not same_alpha:
        raise ValueError(
            f"pictures of {before.pixels.shape} and {after.pixels.shape}; expected the same size and the same alpha"
        )


def _ssim(before: Tensor, after: Tensor, name: str, absent: dict[str, str]) -> float | None:
    value = ssim.ssim(before, after, _SSIM_SCALES[name])
    if value is None:
        absent[name] = f"the visible part is smaller than {ssim.WINDOW_PX} pixels at this scale"
    return value


def _perceptual(
    before: Tensor, after: Tensor, network: lpips.Lpips | LpipsLite | None, name: str, absent: dict[str, str]
) -> float | None:
    if network is None:
        absent[name] = "no LPIPS weights in the weights folder: restyle weights pull"
    elif min(before.shape[-2:]) < lpips.MIN_EDGE_PX:
        absent[name] = f"the visible part is smaller than {lpips.MIN_EDGE_PX} pixels"
    else:
        return network.distance(before, after)
    return None


def _style_gap(
    before: Picture, after: Picture, reference: style_gap.Signature | None, absent: dict[str, str]
) -> float | None:
    if reference is None:
        edge_px = style_gap.MIN_EDGE_PX
        absent["style_gap_closed"] = f"the style's reference picture has an edge of less than {edge_px} pixels"
        return None
    first, second = style_gap.signature(before), style_gap.signature(after)
    if first is None or second is None:
        absent["style_gap_closed"] = "too little of the picture is visible to compare with a style"
        return None
    value = style_gap.gap_closed(first, second, reference)
    if value is None:
        absent["style_gap_closed"] = "there is no gap: the picture already looks like the reference"
    return value
