"""Style pictures as a package of this family carries them, and packing them: nothing is trained."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.features.placed import first_placed
from stylecore.optimisation.scales import LEAST_SHORT_EDGE_PX
from stylecore.optimisation.settings import Settings
from stylecore.training.task import Pixels, Trained
from stylecore.weights import WeightsFolder

MOST_EDGE_PX = 1024
_NAME = re.compile(r"style\.(\d{1,3})")
_REPACK = "Pack the style picture again."


def check_pictures(tensors: Mapping[str, Tensor]) -> dict[int, Tensor]:
    """The style pictures of a package by their index, 1 x 3 x H x W of 0..1, after every doubt is out of the way."""
    found = {}
    for name, tensor in tensors.items():
        matched = _NAME.fullmatch(name)
        if matched is None or not tensor.is_floating_point() or tensor.dim() != 3 or tensor.shape[0] != 3:
            raise StyleError(
                f"{ascii(name)[:80]} of shape {tuple(tensor.shape)}", "style pictures, 3 x height x width", _REPACK
            )
        if min(tensor.shape[1:]) < LEAST_SHORT_EDGE_PX or max(tensor.shape[1:]) > MOST_EDGE_PX:
            edges = f"edges from {LEAST_SHORT_EDGE_PX} to {MOST_EDGE_PX} px"
            raise StyleError(f"{name} of {tensor.shape[2]} x {tensor.shape[1]} px", edges, _REPACK)
        values = tensor.float()
        if not bool(((values >= 0) & (values <= 1)).all()):  # so written, NaN is refused too
            raise StyleError(f"{name} with values that are no colours", "0 to 1", _REPACK)
        found[int(matched[1])] = values[None]
    return found


def packed(
    pictures: Mapping[str, Pixels],
    weights: WeightsFolder,
    settings: Settings | None = None,
    features: str | None = None,
) -> Trained:
    """These pictures as styles: what a package needs. The feature network is the best that is there, and is pinned."""
    name = features or first_placed(weights)
    references = {style: _at_most(picture) for style, picture in pictures.items()}
    pinned = {"features": name, "features_digest": str(weights.digest(name))}
    return Trained(
        family="optimisation",
        architecture={**(settings or Settings()).describe(), **pinned},
        tensors={f"style.{index}": _stored(picture) for index, picture in enumerate(references.values())},
        references=references,
    )


def _stored(picture: Pixels) -> Tensor:
    """Half precision: 8 bits come back exactly."""
    return (torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 255).half().contiguous()


def _at_most(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    if min(height, width) < LEAST_SHORT_EDGE_PX:
        raise StyleError(f"a style picture of {width} x {height} px", f"at least {LEAST_SHORT_EDGE_PX} px each way")
    factor = MOST_EDGE_PX / max(height, width)
    if factor >= 1:
        return picture
    size = (max(LEAST_SHORT_EDGE_PX, round(width * factor)), max(LEAST_SHORT_EDGE_PX, round(height * factor)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
