"""What training leaves for the packer: weights, references, previews, a card and the rights, in one folder.

Only ``style.json`` is missing; it pins these files and is written where packages are read, not here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from stylecore.data import Digest
from stylecore.styles.build import build_several
from stylecore.styles.conditional import FAMILY
from stylecore.training.recipe import TrainingRecipe

Pixels = npt.NDArray[np.uint8]
_JPEG_QUALITY = 84
_OWN_NUMBERS = (".scale", ".shift", "colour")
"""How the parameters end that a style has for itself."""
_CARD = """# atelier

{number} styles in one small network ({kilobytes} kB, fp16):

{styles}

## What it is for

Giving whole libraries of product, place and interior pictures one graphic look. The look carries the large shapes and
the light of a picture and replaces its surface and its colours.

## What it is not for

- Colours are the style's, not the picture's: do not use it where a product's colour must be right.
- Small faces, small print and logos lose their detail. Route pictures that must keep them to a person.
- The texture has a fixed size in pixels: it looks finer on a larger picture. About 1000 to 1600 px on the longer edge
  is what it was made for.
- A rendition is not a photograph and must not be passed off as one.

## How it was made

A feed-forward network with conditional instance normalisation, trained for {iterations} iterations on {crop_px} px
crops (seed {seed}) of 18 photographs and of pictures invented by a program. The style images were drawn by a program
too. Losses: Gram matrices of SqueezeNet 1.1 features at two scales, sliced Wasserstein distance of small patches,
feature distance, locally contrast-normalised luminance, total variation. `rights.json` names every ingredient.
"""


@dataclass(frozen=True, slots=True)
class Right:
    """Where one ingredient came from, under which licence, and who holds the rights."""

    what: str
    source: str
    licence: str
    holder: str
    digest: Digest | None = None

    def as_dict(self) -> dict[str, str]:
        told = {"what": self.what, "source": self.source, "licence": self.licence, "holder": self.holder}
        return told if self.digest is None else {**told, "digest": self.digest}


def write_content(
    folder: Path,
    recipe: TrainingRecipe,
    parameters: Mapping[str, Tensor],
    references: Mapping[str, Pixels],
    preview_of: Pixels,
) -> None:
    """Weights as fp16 (which moves no pixel by more than a grey level), and pictures of what they do."""
    for part in ("references", "previews"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    packed = {name: value.detach().half().contiguous() for name, value in sorted(parameters.items())}
    save_file(packed, folder / "weights.safetensors")
    (folder / "weights.safetensors").chmod(0o644)
    for name, reference in references.items():
        _save_jpeg(reference, folder / "references" / f"{name}.jpg")
    for name, preview in _previews(recipe, packed, references, preview_of).items():
        _save_jpeg(preview, folder / "previews" / f"{name}.jpg")


def only_styles(
    recipe: TrainingRecipe, parameters: Mapping[str, Tensor], names: Sequence[str]
) -> tuple[TrainingRecipe, dict[str, Tensor]]:
    """The same network with some of its styles: the shared weights whole, of each style's own numbers those rows."""
    rows = torch.tensor([recipe.style_names.index(name) for name in names])
    kept = {
        name: value.detach()[rows] if name.endswith(_OWN_NUMBERS) else value.detach()
        for name, value in parameters.items()
    }
    architecture = replace(recipe.architecture, styles=len(names))
    return replace(recipe, pulls={name: recipe.pulls[name] for name in names}, architecture=architecture), kept


def write_rights(folder: Path, styles: Mapping[str, str], others: list[Right]) -> None:
    """``styles`` says of each style's reference what it shows; its digest is that of the file in the folder."""
    own = [
        Right(
            what=f"style image of {name}: {shows}",
            source="drawn by stylecore/training/style_images.py",
            licence="Apache-2.0",
            holder="the restyle authors",
            digest=Digest.of((folder / "references" / f"{name}.jpg").read_bytes()),
        )
        for name, shows in styles.items()
    ]
    entries = [right.as_dict() for right in (*own, *others)]
    (folder / "rights.json").write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_card(folder: Path, recipe: TrainingRecipe, styles: Mapping[str, str]) -> None:
    """What a person should know before choosing one of these styles."""
    shown = "\n".join(f"- **{name}**: {shows}" for name, shows in styles.items())
    (folder / "CARD.md").write_text(_CARD.format(styles=shown, **_card_facts(folder, recipe)), encoding="utf-8")


def _card_facts(folder: Path, recipe: TrainingRecipe) -> dict[str, str]:
    return {
        "iterations": str(recipe.iterations),
        "crop_px": str(recipe.crop_px),
        "seed": str(recipe.seed),
        "number": str(len(recipe.style_names)),
        "kilobytes": str((folder / "weights.safetensors").stat().st_size // 1000),
    }


def _previews(
    recipe: TrainingRecipe, packed: Mapping[str, Tensor], references: Mapping[str, Pixels], photo: Pixels
) -> dict[str, Pixels]:
    batch = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float() / 255
    styles = [(index, name, references[name]) for index, name in enumerate(recipe.style_names)]
    models = build_several(FAMILY, recipe.architecture.describe(), packed, styles)
    return {
        model.name: (model.render(batch)[0].permute(1, 2, 0) * 255 + 0.5).to(torch.uint8).numpy() for model in models
    }


def _save_jpeg(pixels: Pixels, path: Path) -> None:
    Image.fromarray(pixels).save(path, quality=_JPEG_QUALITY, optimize=True)
