"""A draft and its revisions side by side, each at its own size and by losses of its own; none pulls at another, so that
a draft stays a picture in its own right and a revision learns from what it will be given.

The style picture is looked at as large as the picture being painted: a draft is compared with a copy of its size, the
first revision with one twice as large, and so on to the picture as it was given, which so should have detail worth
learning at every size: at least twice that of the draft.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.features import SqueezeFeatures
from stylecore.losses import CONTENT_LAYERS, content_loss, structure_loss, total_variation
from stylecore.styles import conditional
from stylecore.styles.conditional import even_phases
from stylecore.styles.draft_revise import FAMILY
from stylecore.styles.draft_revise_network import Architecture, DraftReviseNetwork, Painting, Plan
from stylecore.styles.laplacian import Pyramid, resized
from stylecore.styles.tileable import Box
from stylecore.training.errors import TrainingError
from stylecore.training.local_style import PATCH_LAYERS, NearestPatches, Texture
from stylecore.training.material import Material, StyleImage
from stylecore.training.start import Start, take_over
from stylecore.training.task import Pixels, Player, Trained
from stylecore.training.tasks.conditional import SUBPIXELS, StyleMeasure, begin_from, is_own

LOSSES: Mapping[str, float] = {
    "draft-style": 2.0,
    "draft-palette": 2.5,
    "draft-content": 0.6,
    "draft-likeness": 0.0,
    "draft-structure": 1.4,
    "draft-tone": 0.5,
    "draft-smoothness": 0.4,
    "revision-patches": 5.0,
    "revision-texture": 1.5,
    "revision-content": 0.4,
    "revision-structure": 0.5,
    "revision-smoothness": 0.1,
}
"""How hard each loss pulls unless the style says otherwise; all revisions are pulled alike."""
_DRAFT = "draft"
_DRAFT_SUBPIXELS = f"{_DRAFT}.{SUBPIXELS}"
_REFERENCE_PX = 512


@dataclass(frozen=True, slots=True)
class Settings:
    """The size of the networks and how they are trained."""

    draft_edge_px: int = 384
    stem_channels: int = 24
    trunk_channels: int = 48
    blocks: int = 4
    revision_channels: int = 40
    revision_blocks: int = 2
    revisions: int = 2
    depth: int = 3
    """How many revisions deep training goes: one more than there are networks teaches the last to follow itself."""
    tile_px: int = 96
    """How much of a revised level is painted and measured at a time."""
    draft_px: int = 160
    """The same of a draft."""
    draft_like: str | None = None
    """The style that the draft begins as, of the many-style package that training goes on from."""
    draft_batch: int = 2
    revision_batch: int = 1
    learning_rate: float = 2e-3
    revision_learning_rate: float = 2e-3
    reduced_precision: bool = True

    def architecture(self) -> Architecture:
        return Architecture(**{name: getattr(self, name) for name in Architecture().describe()})


def make(settings: Settings, material: Material) -> DraftReviseTask:
    return DraftReviseTask(settings, material)


class DraftReviseTask:
    """A player for the draft and one for each revision. Content has to come in crops of a few drafts' size."""

    def __init__(self, settings: Settings, material: Material) -> None:
        if len(material.styles) != 1:
            raise StyleError(f"{len(material.styles)} styles to draft and revise", "one style a network")
        if settings.depth < settings.revisions:
            raise StyleError(
                f"{settings.revisions} revisions trained to a depth of {settings.depth}", "at least as deep"
            )
        self._settings, self._material, self._style = settings, material, material.styles[0]
        self._pulls = _pulls(self._style)
        drafted = replace(self._style, pixels=self._style_of(settings.draft_edge_px))
        self._draft_measure = StyleMeasure([drafted] * settings.draft_batch, material.features)
        self._revision_measures = [
            RevisionMeasure(self._style_of(settings.draft_edge_px << step), material.features)
            for step in range(1, settings.depth + 1)
        ]
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(material.seed)
            self.network = DraftReviseNetwork(settings.architecture())
        if material.start is not None:
            _begin(self.network, material.start, settings.draft_like)

    @property
    def players(self) -> tuple[Player, ...]:
        revisions = [
            Player(f"revision-{step}", self.network.revision(step - 1), self._settings.revision_learning_rate)
            for step in range(1, self._settings.revisions + 1)
        ]
        return Player(_DRAFT, self.network.draft, self._settings.learning_rate), *revisions

    def losses(self, player: str, iteration: int) -> Mapping[str, Tensor]:
        draws = torch.Generator().manual_seed(self._material.seed * 1_000_003 + iteration)
        part, _, revision = player.partition("-")
        count = self._settings.draft_batch if part == _DRAFT else self._settings.revision_batch
        content = Pyramid(torch.from_numpy(self._material.content.batch(iteration, count)))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._settings.reduced_precision):
            if part == _DRAFT:
                measure: StyleMeasure | RevisionMeasure = self._draft_measure
                painted, meant = self._drafted(content, draws)
            else:
                step = self._step(int(revision), iteration)
                measure = self._revision_measures[step - 1]
                painted, meant = self._revised(content, step, draws)
        found = measure.losses(painted.float(), meant, draws)
        return {f"{player}.{name}": value.mean() * self._pulls[f"{part}-{name}"] for name, value in found.items()}

    def _step(self, revision: int, iteration: int) -> int:
        """Each network revises where it will; the last takes turns at all the depths that are left to it."""
        if revision < self._settings.revisions:
            return revision
        return revision + iteration % (self._settings.depth - revision + 1)

    def trained(self) -> Trained:
        whole = {name: value.detach() for name, value in self.network.state_dict().items()}
        whole[_DRAFT_SUBPIXELS] = even_phases(whole[_DRAFT_SUBPIXELS])
        tensors = {name: value.half().contiguous() for name, value in whole.items()}
        references = {self._style.name: self._style_of(_REFERENCE_PX)}
        return Trained(FAMILY.name, self._settings.architecture().describe(), tensors, references)

    def _drafted(self, content: Pyramid, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """A part of a draft, and the small content it was drawn from: things in it are as large as when a whole picture
        is drafted. Less a few pixels at the edge: the features stride, and what they always saw at the same places
        would come out as a grid."""
        small = resized(content.batch, _drawn_at(content, 1, draws))
        part = _tile((small.shape[2], small.shape[3]), self._settings.draft_px, draws).of(small, Box.all_of(small))
        draft = self.network.drafted(part)
        top, left = torch.randint(4, (2,), generator=draws).tolist()
        return draft[..., top:, left:], part[..., top:, left:]

    def _revised(self, content: Pyramid, step: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """A tile at that many revisions from the draft, and the content there."""
        levels = max(2, step)
        level = levels - step
        plan = Plan(levels, _drawn_at(content, levels, draws))
        seed = int(torch.randint(1 << 31, (), generator=draws))
        with torch.no_grad():
            painting = Painting.begun(self.network, content, plan, seed)
        box = _tile(content.size(level), self._settings.tile_px, draws)
        return painting.unclipped(level, box), content.read(level, box)

    def _style_of(self, edge_px: int) -> Pixels:
        """The style picture at that size, or as large as it was given."""
        image = Image.fromarray(self._style.pixels)
        scale = min(1.0, edge_px / min(image.size))
        size = (round(image.width * scale), round(image.height * scale))
        return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


class RevisionMeasure:
    """The losses of a revision. Gram matrices are left to the draft: a small tile of one tone, asked for the statistics
    of a whole picture, would be pulled towards noise for want of the other tones."""

    def __init__(self, style: Pixels, features: SqueezeFeatures) -> None:
        self._features = features
        picture = torch.from_numpy(style.copy()).permute(2, 0, 1)[None].float() / 255
        self._patches, self._texture = NearestPatches(features, picture), Texture(picture)

    def losses(self, painted: Tensor, content: Tensor, draws: torch.Generator) -> dict[str, Tensor]:
        with torch.no_grad():
            wanted = self._features(content, CONTENT_LAYERS)
        found = self._features(painted, {*PATCH_LAYERS, *CONTENT_LAYERS})
        return {
            "patches": self._patches.distance(found, draws),
            "texture": self._texture.distance(painted, draws),
            "content": content_loss(found, wanted),
            "structure": structure_loss(painted, content),
            "smoothness": total_variation(painted),
        }


def _begin(network: DraftReviseNetwork, start: Start, draft_like: str | None) -> None:
    if start.family == FAMILY.name:
        take_over(network, start.tensors)
    else:
        begin_from(network.draft, _as_only_style(start, draft_like))


def _as_only_style(start: Start, name: str | None) -> dict[str, Tensor]:
    """A many-style network as the network of one of its styles."""
    names = [style.name for style in start.styles]
    if start.family != conditional.FAMILY.name or name not in names:
        wanted = f"start_from: a package of {conditional.FAMILY.name}, and draft_like: one of its styles"
        raise TrainingError(f"a draft like {name} of {start.package} ({start.family}: {', '.join(names)})", wanted)
    row = names.index(name)
    return {key: value[row : row + 1] if is_own(key) else value for key, value in start.tensors.items()}


def _drawn_at(content: Pyramid, levels: int, draws: torch.Generator) -> tuple[int, int]:
    """A draft's size: near that of the level it will lie over, and seldom exactly, as in rendering."""
    factor = 2.0 ** float(torch.empty(()).uniform_(-0.5, 0.5, generator=draws))
    height, width = (max(16, round(edge * factor)) for edge in content.size(levels))
    return height, width


def _tile(size: tuple[int, int], tile_px: int, draws: torch.Generator) -> Box:
    height, width = (min(tile_px, edge) for edge in size)
    top, left = (
        int(torch.randint(edge - mine + 1, (), generator=draws))
        for edge, mine in zip(size, (height, width), strict=True)
    )
    return Box(top, left, height, width)


def _pulls(style: StyleImage) -> dict[str, float]:
    if odd := sorted(set(style.pull) - set(LOSSES)):
        raise StyleError(f"a pull {odd[0]!r} on the style {style.name}", f"one of {', '.join(LOSSES)}")
    return dict(LOSSES) | dict(style.pull)
