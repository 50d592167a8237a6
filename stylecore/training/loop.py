"""The training loop: deterministic by its seed, and resumed from a checkpoint bit for bit.

Nothing random is carried from one iteration to the next: crops and projections are drawn from (seed, iteration). So a
checkpoint is the parameters, Adam's two moments for each, and a number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from stylecore.features import SqueezeFeatures
from stylecore.losses import (
    CONTENT_LAYERS,
    STYLE_LAYERS,
    Grams,
    Palette,
    content_loss,
    gram,
    gram_loss,
    halved,
    structure_loss,
    style_grams,
    tone_loss,
    total_variation,
)
from stylecore.styles.conditional import ConditionalNetwork
from stylecore.training.content import ContentSampler
from stylecore.training.recipe import TrainingRecipe

_LOSS_NAMES = ("style", "palette", "content", "structure", "tone", "smoothness")
_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True, slots=True)
class Progress:
    """One iteration's losses, by style and by loss, before they are weighted."""

    iteration: int
    total: float
    by_style: Mapping[str, Mapping[str, float]]


class Trainer:
    """Holds what training changes. ``step`` is one iteration; ``save`` and ``load`` are exact."""

    def __init__(
        self,
        recipe: TrainingRecipe,
        style_images: Sequence[npt.NDArray[np.uint8]],
        photos: Sequence[Image.Image],
        features: SqueezeFeatures,
    ) -> None:
        self.recipe, self.iteration = recipe, 0
        self._features = features
        self._content = ContentSampler(photos, recipe.crop_px, recipe.synthetic_share, recipe.seed)
        styles = torch.stack([torch.from_numpy(image.copy()).permute(2, 0, 1) for image in style_images]).float() / 255
        with torch.no_grad():
            self._grams: Grams = style_grams(features, styles)
        self._palette = Palette(styles)
        self._pulls = torch.tensor([[getattr(pull, name) for name in _LOSS_NAMES] for pull in recipe.pulls.values()])
        torch.manual_seed(recipe.seed)
        self.network = ConditionalNetwork(recipe.architecture)
        self._optimizer = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate)

    def step(self) -> Progress:
        content = torch.from_numpy(self._content.batch(self.iteration, len(self._pulls)))
        losses = self._losses(content)
        total = (losses * self._pulls).sum(1).mean()
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate()
        self._optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        size = nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.gradient_clip)
        if bool(torch.isfinite(size)):
            # A crop without any contrast divides by almost nothing in every normalisation. One such step would put
            # NaN into every weight for good, so it is left out.
            self._optimizer.step()
        self.iteration += 1
        return self._progress(total, losses)

    def run(self, until: int, told: Callable[[Progress], None] = lambda _: None) -> None:
        while self.iteration < until:
            told(self.step())

    def _losses(self, content: Tensor) -> Tensor:
        """Every loss for every style: a table of styles x losses."""
        style = torch.arange(len(self._pulls))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.recipe.reduced_precision):
            rendered = self.network(content, style).float()
        with torch.no_grad():
            wanted = self._features(content, CONTENT_LAYERS)
        found = self._features(rendered, STYLE_LAYERS)
        coarse = self._features(halved(rendered), STYLE_LAYERS)
        grams = tuple({layer: gram(f) for layer, f in scale.items()} for scale in (found, coarse))
        draws = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.iteration)
        return torch.stack(
            [
                gram_loss(grams, self._grams),
                self._palette.distance(rendered, style, draws),
                content_loss(found, wanted),
                structure_loss(rendered, content),
                tone_loss(rendered, content),
                total_variation(rendered),
            ],
            dim=1,
        )

    def _learning_rate(self) -> float:
        done = self.iteration / max(1, self.recipe.iterations)
        warmth = min(1.0, (self.iteration + 1) / max(1, self.recipe.warm_up))
        return self.recipe.learning_rate * warmth * max(0.01, 0.5 * (1 + math.cos(math.pi * min(1.0, done))))

    def _progress(self, total: Tensor, losses: Tensor) -> Progress:
        table = losses.detach().tolist()
        named = {
            style: dict(zip(_LOSS_NAMES, row, strict=True))
            for style, row in zip(self.recipe.style_names, table, strict=True)
        }
        return Progress(self.iteration, float(total.detach()), named)

    def save(self, path: Path) -> None:
        """A checkpoint under its final name only when it is whole."""
        tensors = {f"network.{name}": p.detach().contiguous() for name, p in self.network.named_parameters()}
        for name, parameter in self.network.named_parameters():
            state = self._optimizer.state.get(parameter, {})
            tensors |= {f"{moment}.{name}": state[moment].contiguous() for moment in _MOMENTS if moment in state}
        partial = path.with_suffix(".partial")
        told = {
            "iteration": str(self.iteration),
            "steps": str(self._steps()),
            "recipe": json.dumps(self.recipe.as_dict()),
        }
        save_file(tensors, partial, metadata=told)
        partial.replace(path)

    def _steps(self) -> int:
        """How often the weights were changed: fewer than the iterations where one had to be left out."""
        return max((int(state["step"]) for state in self._optimizer.state.values()), default=0)

    def load(self, path: Path) -> None:
        with safe_open(path, framework="pt") as stored:
            self.iteration = int(stored.metadata()["iteration"])
            steps = torch.tensor(float(stored.metadata()["steps"]))
            for name, parameter in self.network.named_parameters():
                with torch.no_grad():
                    parameter.copy_(stored.get_tensor(f"network.{name}"))
                if steps:
                    moments = {moment: stored.get_tensor(f"{moment}.{name}") for moment in _MOMENTS}
                    self._optimizer.state[parameter] = {"step": steps.clone(), **moments}
