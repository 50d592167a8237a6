"""Train the style package that is bundled with restyle.

    python -m stylecore.training.bundled --photos DIR --weights DIR --out DIR

Stopped, it goes on from its last checkpoint when it is started again. On one core it takes about half an hour, and on
the same machine it gives the same weights.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import torch

from stylecore.features import squeeze_features
from stylecore.training.content import read_photos
from stylecore.training.content_of_package import (
    Pixels,
    Right,
    only_styles,
    write_card,
    write_content,
    write_rights,
)
from stylecore.training.loop import Progress, Trainer
from stylecore.training.recipe import BUNDLED
from stylecore.training.style_images import style_image
from stylecore.weights import WeightsFolder

CHECKPOINT_EVERY = 200

SHOWS: Mapping[str, str] = MappingProxyType(
    {
        "stained-glass": "leaded panes of jewel-coloured glass, a sun over hills",
        "risograph": "coral and blue ink screened in dots on warm paper",
        "ink-hatching": "crossed strokes of blue-black ink on cream paper",
    }
)
"""The styles that are packed. ``paper-cut`` is trained with them and left out: it came out as a soft duotone and not as
crisp layers of paper, which nobody would choose it for."""

INGREDIENTS = (
    Right(
        what="photographs trained on: 18 of the Kodak lossless true colour image suite",
        source="https://r0k.us/graphics/kodak/",
        licence="released for unrestricted use",
        holder="Eastman Kodak Company",
    ),
    Right(
        what="photograph in the previews: coffee cup, from scikit-image",
        source="https://scikit-image.org/docs/stable/api/skimage.data.html#skimage.data.coffee",
        licence="CC0-1.0",
        holder="Rachel Michetti, courtesy of Pikolo Espresso Bar",
    ),
    Right(
        what="SqueezeNet 1.1 features: measured the losses in training, no part of this package",
        source="https://github.com/pytorch/vision",
        licence="BSD-3-Clause",
        holder="the torchvision authors",
    ),
)


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    recipe = replace(BUNDLED, iterations=asked.iterations)
    features = squeeze_features(WeightsFolder(asked.weights).load("squeezenet1_1_features"))
    references = {name: style_image(name, recipe.style_image_px) for name in recipe.style_names}
    trainer = Trainer(recipe, list(references.values()), read_photos(asked.photos), features)
    checkpoint = asked.out.with_name(asked.out.name + ".checkpoint.safetensors")
    train(trainer, checkpoint, _tell)
    packed, parameters = only_styles(recipe, dict(trainer.network.named_parameters()), list(SHOWS))
    shown = {name: references[name] for name in SHOWS}
    write_content(asked.out, packed, parameters, shown, preview_photo())
    write_rights(asked.out, SHOWS, list(INGREDIENTS))
    write_card(asked.out, packed, SHOWS)
    return 0


def train(trainer: Trainer, checkpoint: Path, told: Callable[[Progress], None]) -> None:
    """To the recipe's end, from the checkpoint if there is one, leaving one every so often."""
    if checkpoint.exists():
        trainer.load(checkpoint)
    while trainer.iteration < trainer.recipe.iterations:
        trainer.run(min(trainer.iteration + CHECKPOINT_EVERY, trainer.recipe.iterations), told)
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        trainer.save(checkpoint)


def preview_photo() -> Pixels:
    """A free photograph of a thing, since a preview shows a style and should show nobody's face."""
    from skimage.data import coffee

    photo: Pixels = coffee()  # type: ignore[no-untyped-call]
    return photo


def _tell(progress: Progress) -> None:
    if progress.iteration % 20 == 0:
        losses = {name: round(sum(row.values()), 3) for name, row in progress.by_style.items()}
        sys.stderr.write(f"{progress.iteration} {progress.total:.3f} {losses}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stylecore.training.bundled", description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photographs to train on")
    parser.add_argument("--weights", type=Path, required=True, help="where squeezenet1_1_features.safetensors lies")
    parser.add_argument("--out", type=Path, required=True, help="the package folder to fill; a checkpoint lies beside")
    parser.add_argument("--iterations", type=int, default=BUNDLED.iterations)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
