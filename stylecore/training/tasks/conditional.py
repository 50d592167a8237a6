"""Many styles in one network: each picture of a batch is another style, so the convolutions serve them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.errors import StyleError
from stylecore.features import SqueezeFeatures
from stylecore.losses import (
    STYLE_LAYERS,
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
from stylecore.styles.conditional import FAMILY, Architecture, ConditionalNetwork, even_phases
from stylecore.training.errors import TrainingError
from stylecore.training.material import Material, StyleImage
from stylecore.training.start import KeptStyle, take_over
from stylecore.training.task import Player, Trained
from stylecore.training.teachers import imitation_loss, painted, teacher

LOSSES: Mapping[str, float] = {
    "style": 1.0,
    "palette": 1.0,
    "content": 1.0,
    "likeness": 0.0,
    "structure": 1.0,
    "tone": 0.5,
    "smoothness": 0.3,
}
"""How hard each loss pulls unless a style says otherwise. Flat graphic styles want more palette, textured ones more
structure. Likeness costs the least style for what it keeps, and is for networks that have their style already."""
IMITATION = "imitation"
SUBPIXELS = "subpixels.weight"


@dataclass(frozen=True, slots=True)
class Settings:
    """The size of the network and how it is trained. ``add_styles``: to the styles of a package that is gone on from,
    training the numbers of the new ones alone; not one bit of the others changes."""

    stem_channels: int = 32
    trunk_channels: int = 64
    blocks: int = 5
    learning_rate: float = 2e-3
    reduced_precision: bool = True
    add_styles: bool = False


def make(settings: Settings, material: Material) -> ConditionalTask:
    return ConditionalTask(settings, material)


class ConditionalTask:
    """One player. A loss is named ``style.loss``, so that every style's progress can be followed."""

    def __init__(self, settings: Settings, material: Material) -> None:
        self._settings, self._material = settings, material
        self._kept = _kept_styles(settings, material)
        self._drawn = [i for i, style in enumerate(material.styles) if style.taught_by is None]
        self._taught = {i: teacher(style.taught_by) for i, style in enumerate(material.styles) if style.taught_by}
        self._pulls = [_pulls(style) for style in material.styles]
        self._measure = StyleMeasure([material.styles[i] for i in self._drawn], material.features)
        self._architecture = Architecture(
            settings.stem_channels, settings.trunk_channels, settings.blocks, len(self._kept) + len(material.styles)
        )
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(material.seed)
            self.network = ConditionalNetwork(self._architecture)
        if material.start is not None:
            begin_from(self.network, material.start.tensors)
        if settings.add_styles:
            for name, parameter in self.network.named_parameters():
                parameter.requires_grad_(is_own(name))

    @property
    def players(self) -> tuple[Player, ...]:
        return (Player("network", self.network, self._settings.learning_rate),)

    def losses(self, player: str, iteration: int) -> Mapping[str, Tensor]:
        styles = self._material.styles
        content = torch.from_numpy(self._material.content.batch(iteration, len(styles)))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._settings.reduced_precision):
            rendered = self.network(content, torch.arange(len(styles)) + len(self._kept)).float()
        found: dict[str, Tensor] = {}
        if self._drawn:
            draws = torch.Generator().manual_seed(self._material.seed * 1_000_003 + iteration)
            table = self._measure.losses(rendered[self._drawn], content[self._drawn], draws)
            for name, column in table.items():
                found |= {f"{styles[i].name}.{name}": column[row] for row, i in enumerate(self._drawn)}
        for i, paint in self._taught.items():
            lesson = painted(content[i : i + 1], paint)
            loss = imitation_loss(rendered[i : i + 1], lesson, self._material.features)
            found[f"{styles[i].name}.{IMITATION}"] = loss[0]
        return {name: value * (self._pull(name) / len(styles)) for name, value in found.items()}

    def _pull(self, loss: str) -> float:
        style, name = loss.rsplit(".", 1)
        index = next(i for i, known in enumerate(self._material.styles) if known.name == style)
        return self._pulls[index][name]

    def trained(self) -> Trained:
        whole = {name: value.detach() for name, value in self.network.state_dict().items()}
        if not self._kept:  # what styles share with those of a package stays as they have it
            whole[SUBPIXELS] = even_phases(whole[SUBPIXELS])
        tensors = {name: value.half().contiguous() for name, value in whole.items()}
        references = {kept.name: kept.reference for kept in self._kept}
        references |= {style.name: style.pixels for style in self._material.styles}
        return Trained(FAMILY.name, self._architecture.describe(), tensors, references)


def is_own(parameter: str) -> bool:
    """Whether these are numbers that each style has for itself, a row a style."""
    return parameter.endswith((".scale", ".shift")) or parameter == "colour"


def begin_from(network: ConditionalNetwork, tensors: Mapping[str, Tensor]) -> None:
    """Another network's numbers: the shared ones where they fit, its styles' rows first. A style that it does not have
    begins as the mean of those it has."""
    shared = {name: value for name, value in tensors.items() if not is_own(name)}
    take_over(network, shared)
    with torch.no_grad():
        for name, own in network.named_parameters():
            given = tensors.get(name)
            if given is None or not is_own(name) or given.shape[1:] != own.shape[1:]:
                continue
            rows = min(len(own), len(given))
            own[:rows] = given[:rows].float()
            own[rows:] = given.float().mean(0)


def _kept_styles(settings: Settings, material: Material) -> tuple[KeptStyle, ...]:
    if not settings.add_styles:
        return ()
    start = material.start
    if start is None or start.family != FAMILY.name:
        raise TrainingError("add_styles without a package of this family", f"start_from: a package of {FAMILY.name}")
    shape = {name: getattr(settings, name) for name in ("stem_channels", "trunk_channels", "blocks")}
    if any(start.architecture.get(name) != value for name, value in shape.items()):
        raise TrainingError(f"add_styles to a network of {dict(start.architecture)}", f"settings of its size: {shape}")
    if taken := {style.name for style in start.styles} & {style.name for style in material.styles}:
        raise TrainingError(f"a style named {min(taken)} in a package that has one", "another name")
    return start.styles


def likeness_loss(found: Mapping[int, Tensor], wanted: Mapping[int, Tensor]) -> Tensor:
    """How far features point elsewhere than the content's, one value a picture: what is where, however strong it is.

    It is told at every layer of the style, from fine to coarse, as in LPIPS (Zhang et al., 2018, arXiv:1801.03924).
    """
    terms = [
        (_directions(found[layer]) - _directions(wanted[layer])).square().sum(1).mean((1, 2)) for layer in STYLE_LAYERS
    ]
    return torch.stack(terms).mean(0)


def _directions(features: Tensor) -> Tensor:
    return functional.normalize(features, dim=1, eps=1e-6)


class StyleMeasure:
    """The losses that draw pictures towards their styles, one value a picture and loss; each row has its own style."""

    def __init__(self, styles: Sequence[StyleImage], features: SqueezeFeatures) -> None:
        self._features = features
        pictures = [torch.from_numpy(style.pixels.copy()).permute(2, 0, 1) for style in styles]
        batch = torch.stack(pictures).float() / 255 if pictures else torch.zeros(0, 3, 64, 64)
        with torch.no_grad():
            self._grams = style_grams(features, batch) if pictures else ()
        self._palette = Palette(batch)

    def losses(self, rendered: Tensor, content: Tensor, draws: torch.Generator) -> dict[str, Tensor]:
        with torch.no_grad():
            wanted = self._features(content, STYLE_LAYERS)
        found = self._features(rendered, STYLE_LAYERS)
        coarse = self._features(halved(rendered), STYLE_LAYERS)
        grams = tuple({layer: gram(f) for layer, f in scale.items()} for scale in (found, coarse))
        return {
            "style": gram_loss(grams, self._grams),
            "palette": self._palette.distance(rendered, torch.arange(len(rendered)), draws),
            "content": content_loss(found, wanted),
            "likeness": likeness_loss(found, wanted),
            "structure": structure_loss(rendered, content),
            "tone": tone_loss(rendered, content),
            "smoothness": total_variation(rendered),
        }


def _pulls(style: StyleImage) -> dict[str, float]:
    known = {IMITATION: 1.0} if style.taught_by else dict(LOSSES)
    if odd := sorted(set(style.pull) - set(known)):
        raise StyleError(f"a pull {odd[0]!r} on the style {style.name}", f"one of {', '.join(known)}")
    return known | dict(style.pull)
