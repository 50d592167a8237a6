"""A small world to train in: pictures, features without a download, and tiny networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from stylecore.features import SqueezeFeatures
from stylecore.training.content import ContentSampler
from stylecore.training.loop import Schedule, Trainer
from stylecore.training.material import Material, StyleImage
from stylecore.training.painters.registry import style_image
from stylecore.training.start import Start
from stylecore.training.tasks.conditional import ConditionalTask, Settings, make

TINY = Settings(stem_channels=8, trunk_channels=8, blocks=1)


def photo(seed: int = 1) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)).resize((120, 90), Image.Resampling.BICUBIC)


def features() -> SqueezeFeatures:
    """SqueezeNet as it is before anybody trains it, the same every time."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(11)
        return SqueezeFeatures()


def style(name: str, taught_by: str | None = None, **pull: float) -> StyleImage:
    return StyleImage(name, style_image(name, 64), pull, taught_by)


def material(*styles: StyleImage, seed: int = 20, start: Start | None = None, crop_px: int = 80) -> Material:
    chosen = styles or (style("risograph"), style("paper-cut", taught_by="paper-cut"))
    return Material(chosen, ContentSampler([photo()], crop_px, 0.2, seed), features(), seed, start)


def task(settings: Settings = TINY, given: Material | None = None) -> ConditionalTask:
    return make(settings, given or material())


def trainer(iterations: int = 12, given: ConditionalTask | None = None, identity: str = "") -> Trainer:
    return Trainer(given or task(), Schedule(iterations, warm_up=1), identity)


def weights_of(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


RECIPE = """
package: tiny
family: conditional-instance-norm
description: A package for tests.
styles:
  - name: risograph
    title: Risograph
    description: Dots of ink.
    image: {drawn: risograph}
  - name: own
    title: Own
    description: A picture of ours.
    image:
      file: own.png
      rights: {source: a drawer, licence: CC0-1.0, holder: somebody}
style_image_px: 64
content: {listing: photos.csv, held_out: [c.png], crop_px: 64}
settings: {stem_channels: 8, trunk_channels: 8, blocks: 1}
schedule: {iterations: 4, warm_up: 1, checkpoint_every: 2}
"""


def recipe_folder(folder: Path, recipe: str = RECIPE) -> Path:
    """A folder with a recipe, its listing, three photographs and a style image."""
    for place, name in enumerate(("a.png", "b.png", "c.png")):
        photo(place).save(folder / name)
    Image.fromarray(style_image("ink-hatching", 128)).save(folder / "own.png")
    lines = [f"{name},CC0-1.0,somebody,a camera" for name in ("a.png", "b.png", "c.png")]
    (folder / "photos.csv").write_text("\n".join(["path,licence,holder,source", *lines]) + "\n")
    (folder / "recipe.yaml").write_text(recipe)
    return folder / "recipe.yaml"
