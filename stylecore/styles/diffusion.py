"""A diffusion pipeline as a style: image-to-image held by a ControlNet, its style from a picture by an IP-Adapter.

An optional extra, and off by default: it needs `restyle[diffusion]`, and a pipeline that somebody placed in the
weights folder and adopted there. A package names that pipeline and pins its digest; it brings the style picture and the
settings. Deterministic on one machine: all noise is drawn on the CPU from the seed, the sampler (DDIM) adds none, and
pictures are rendered one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from stylecore.diffusion.control import control_picture
from stylecore.diffusion.folder import checked_pipeline
from stylecore.diffusion.pipeline import load_pipeline, style_embedding, words
from stylecore.diffusion.settings import MULTIPLE_PX, Settings
from stylecore.errors import StyleError
from stylecore.optimisation.scales import carried, resized, widened, working_size
from stylecore.styles.base import (
    AROUND_THE_MODEL,
    PLAIN,
    SEED,
    Brush,
    Family,
    Reference,
    StyleModel,
    StyleSource,
    check_batch,
)
from stylecore.styles.network import REPACK, check_tensors, clean, padded_to_multiple
from stylecore.weights import WeightsFolder

FAMILY = Family(
    name="diffusion",
    title="diffusion, held by a ControlNet",
    paper="Zhang et al., 2023, arXiv:2302.05543; Ye et al., 2023, arXiv:2308.06721",
    controls=AROUND_THE_MODEL | {SEED},
    exact_when_tiled=False,
)


def load(
    architecture: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    styles: Sequence[StyleSource],
    weights: WeightsFolder | None = None,
) -> list[StyleModel]:
    """The package brings one number a style, its share of the style scale; the networks come from the pipeline."""
    settings = Settings.parse(architecture)
    check_tensors(tensors, {"style_scales": (settings.styles,)})
    if weights is None:
        raise StyleError("no weights folder", f"the pipeline {settings.pipeline} in one", "Set the weights folder.")
    shared = SharedPipeline(checked_pipeline(settings.pipeline, weights.path, settings.pipeline_digest), settings)
    return [DiffusionStyle(shared, source, _scale(tensors["style_scales"], source)) for source in styles]


def _scale(scales: Tensor, source: StyleSource) -> float:
    if not 0 <= source.index < len(scales):
        raise StyleError(f"style {source.name!r} at index {source.index}", f"0 to {len(scales) - 1}", REPACK)
    return min(max(float(scales[source.index]), 0.0), 2.0)


class SharedPipeline:
    """One pipeline for all styles of a package. It keeps state while it runs, so one picture is rendered at a time."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.settings = settings
        self._pipeline = load_pipeline(folder)
        self._words = words(self._pipeline, settings.prompt, settings.avoided)
        self._lock = Lock()

    def embedded(self, reference: Reference) -> Tensor:
        picture = torch.from_numpy(reference.copy()).permute(2, 0, 1)[None].float() / 255
        return style_embedding(self._pipeline, picture)

    def render(self, picture: Tensor, style: Tensor, style_scale: float, seed: int) -> Tensor:
        """One picture whose edges are multiples of 64."""
        wanted, avoided = self._words
        with self._lock:
            self._pipeline.to(picture.device)
            self._pipeline.set_ip_adapter_scale(self.settings.style_scale * style_scale)
            made: Tensor = self._pipeline(
                prompt_embeds=wanted.to(picture.device),
                negative_prompt_embeds=avoided.to(picture.device),
                image=picture,
                control_image=control_picture(picture, self.settings.control),
                ip_adapter_image_embeds=[style.to(picture.device)],
                strength=self.settings.strength,
                num_inference_steps=self.settings.steps,
                guidance_scale=self.settings.guidance,
                controlnet_conditioning_scale=self.settings.control_scale,
                generator=torch.Generator("cpu").manual_seed(seed),
                output_type="pt",
            ).images
        return made


class DiffusionStyle:
    """One style picture for a shared pipeline."""

    family = FAMILY

    def __init__(self, shared: SharedPipeline, source: StyleSource, scale: float) -> None:
        self._shared, self._scale = shared, scale
        self._style = shared.embedded(source.reference)
        self.name, self.reference = source.name, source.reference

    def render(self, batch: Tensor, brush: Brush = PLAIN) -> Tensor:
        """Each picture by itself, from the same noise: its neighbours must not change it."""
        check_batch(batch)
        with torch.inference_mode():
            return torch.cat([self._rendered(picture[None], brush.seed) for picture in clean(batch)])

    def _rendered(self, content: Tensor, seed: int) -> Tensor:
        size = working_size((content.shape[2], content.shape[3]), self._shared.settings.most_edge_px)
        small = resized(content, size)
        canvas = padded_to_multiple(widened(small, MULTIPLE_PX), MULTIPLE_PX).contiguous()
        made = self._shared.render(canvas, self._style, self._scale, seed)
        return carried(clean(made[:, :, : size[0], : size[1]]), content)
