"""Learning a grade: from a function or from pairs of pictures before and after, or from how pictures of a look are.

With pairs the lattice is fitted. From a look alone it cannot be: nothing says which colour became which. There the
colours of content and look are compared as clouds (sliced Wasserstein distance in OKLab), and of all grades that bring
them together the one nearest to no grade at all is sought.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.errors import StyleError
from stylecore.lattice import looked_up, neutral
from stylecore.oklab import to_oklab
from stylecore.styles.colour_grade import FAMILY, MOST_SIZE
from stylecore.training.content import ContentSampler
from stylecore.training.graders import Grader, grader
from stylecore.training.material import Material, StyleImage
from stylecore.training.task import Pixels, Player, Trained

_COARSEST = 3
_OKLAB_UNITS = 100.0
"""OKLab's lightness is 0 to 1, that of CIELAB 0 to 100: losses are of the size of squared ΔE."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The lattice and how it is learnt. ``colours``: how many are compared in one iteration.

    ``restraint`` holds a grade learnt from a look to what was there, and ``neutrality`` its greys to grey.
    """

    size: int = 33
    learning_rate: float = 0.002
    colours: int = 8192
    projections: int = 32
    smoothness: float = 0.0005
    monotony: float = 20.0
    restraint: float = 0.05
    neutrality: float = 0.1


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one grade is learnt from: a function of colours, pairs of pictures, or a look (``after`` without before)."""

    name: str
    reference: Pixels = field(repr=False)
    teacher: Grader | None = None
    pairs: Sequence[tuple[Pixels, Pixels]] = field(default=(), repr=False)


def make(settings: Settings, material: Material) -> GradeTask:
    return GradeTask(settings, [_lesson(style) for style in material.styles], material.content, material.seed)


def _lesson(style: StyleImage) -> Lesson:
    return Lesson(style.name, style.pixels, grader(style.taught_by) if style.taught_by else None, style.pairs)


class GradeNetwork(nn.Module):
    """Lattices as sums of offsets on ever finer lattices. What few pixels show then moves all that lies around it; on
    the finest lattice alone, each node would wait for a pixel of its own."""

    def __init__(self, styles: int, size: int) -> None:
        super().__init__()
        self.size = size
        sizes = [*(n for n in (2**k + 1 for k in range(1, 6)) if _COARSEST <= n < size), size]
        self.offsets = nn.ParameterList(torch.zeros(styles, 3, n, n, n) for n in sizes)
        self.register_buffer("neutral", neutral(size).T.reshape(1, 3, size, size, size), persistent=False)

    def begin_at(self, style: int, teacher: Grader) -> None:
        """A function can be asked for what each node should be; what is left to learn is what lies between them."""
        start = self.get_buffer("neutral")[0]
        with torch.no_grad():
            wanted = teacher(start.permute(1, 2, 3, 0)).permute(3, 0, 1, 2)
            self.offsets[-1][style] = wanted - start

    def forward(self) -> Tensor:
        """styles x 3 x N x N x N"""
        shape = (self.size,) * 3
        finer = [functional.interpolate(each, shape, mode="trilinear", align_corners=True) for each in self.offsets]
        return torch.stack(finer).sum(dim=0) + self.get_buffer("neutral")


class GradeTask:
    """One player. A loss is named ``style.loss``."""

    def __init__(self, settings: Settings, lessons: Sequence[Lesson], content: ContentSampler, seed: int) -> None:
        if not 2 <= settings.size <= MOST_SIZE:
            raise StyleError(f"a lattice of size {settings.size}", f"2 to {MOST_SIZE}")
        self._settings, self._lessons, self._content, self._seed = settings, lessons, content, seed
        self._looks = [_colours_of(lesson.reference) for lesson in lessons]
        self._pairs = [_joined(lesson.pairs) for lesson in lessons]
        self.network = GradeNetwork(len(lessons), settings.size)
        for index, lesson in enumerate(lessons):
            if lesson.teacher is not None:
                self.network.begin_at(index, lesson.teacher)

    @property
    def players(self) -> tuple[Player, ...]:
        return (Player("network", self.network, self._settings.learning_rate),)

    def losses(self, player: str, iteration: int) -> Mapping[str, Tensor]:
        lattices = self.network()
        draws = torch.Generator().manual_seed(self._seed * 1_000_003 + iteration)
        content = torch.from_numpy(self._content.batch(iteration, len(self._lessons)))
        found: dict[str, Tensor] = {}
        for index, lesson in enumerate(self._lessons):
            lattice = lattices[index]
            own = self._learnt(index, lattice, content[index].flatten(1).T, draws)
            own["smoothness"] = self._settings.smoothness * roughness(lattice)
            own["monotony"] = self._settings.monotony * reversals(lattice)
            found |= {f"{lesson.name}.{name}": value for name, value in own.items()}
        return found

    def _learnt(self, index: int, lattice: Tensor, content: Tensor, draws: torch.Generator) -> dict[str, Tensor]:
        lesson, pairs, wanted = self._lessons[index], self._pairs[index], self._settings
        if lesson.teacher is not None:
            # Half from pictures, where it counts, and half from anywhere, or a rare colour would be left as it was.
            anywhere = torch.rand(wanted.colours // 2, 3, generator=draws)
            before = torch.cat([_drawn(content, wanted.colours // 2, draws), anywhere])
            return {"match": _distance(graded(lattice, before), lesson.teacher(before))}
        if pairs is not None:
            place = torch.randint(len(pairs), (wanted.colours,), generator=draws)
            return {"match": _distance(graded(lattice, pairs[place, :3]), pairs[place, 3:])}
        before, look = (_drawn(each, wanted.colours, draws) for each in (content, self._looks[index]))
        after = graded(lattice, before)
        return {
            "look": cloud_distance(to_oklab(after), to_oklab(look), wanted.projections, draws),
            "restraint": wanted.restraint * _distance(after, before),
            "neutrality": wanted.neutrality * colourfulness_of_greys(lattice),
        }

    def trained(self) -> Trained:
        """Stored as fp16: to an eighth of a grey level. What is left of reversals is made flat."""
        with torch.no_grad():
            lattices = self.network().clamp(0, 1)
            if self._settings.monotony > 0:
                lattices = torch.stack([lattices[:, c].cummax(dim=3 - c).values for c in range(3)], dim=1)
        architecture = {"styles": len(self._lessons), "size": self._settings.size}
        references = {lesson.name: lesson.reference for lesson in self._lessons}
        return Trained(FAMILY.name, architecture, {"lut": lattices.half().contiguous()}, references)


def graded(lattice: Tensor, colours: Tensor) -> Tensor:
    """M x 3 colours through a lattice of 3 x N x N x N, differentiable in the lattice."""
    return looked_up(lattice.flatten(1).T.contiguous(), lattice.shape[-1], colours.T)


def cloud_distance(one: Tensor, other: Tensor, projections: int, draws: torch.Generator) -> Tensor:
    """Squared sliced Wasserstein distance of two clouds of as many colours, in squared units of ΔE."""
    directions = functional.normalize(torch.randn(3, projections, generator=draws), dim=0)
    difference = (one @ directions).sort(dim=0).values - (other @ directions).sort(dim=0).values
    return (difference * _OKLAB_UNITS).square().mean()


def roughness(lattice: Tensor) -> Tensor:
    """How far each node is from the middle of its neighbours, along the three axes, in squared grey levels."""
    bends = [lattice.diff(n=2, dim=axis).square().mean() for axis in (1, 2, 3)]
    return torch.stack(bends).sum() * 255**2


def reversals(lattice: Tensor) -> Tensor:
    """How far red falls where red rises, and so for green and blue, in grey levels."""
    falls = [functional.relu(-lattice[channel].diff(dim=2 - channel)).mean() for channel in range(3)]
    return torch.stack(falls).sum() * 255


def colourfulness_of_greys(lattice: Tensor) -> Tensor:
    place = torch.arange(lattice.shape[-1])
    return (to_oklab(lattice[:, place, place, place].T)[:, 1:] * _OKLAB_UNITS).square().sum(dim=1).mean()


def _distance(one: Tensor, other: Tensor) -> Tensor:
    difference = (to_oklab(one) - to_oklab(other)) * _OKLAB_UNITS
    return difference.square().sum(dim=1).mean()


def _drawn(colours: Tensor, count: int, draws: torch.Generator) -> Tensor:
    return colours[torch.randint(len(colours), (count,), generator=draws)]


def _colours_of(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels.reshape(-1, 3).copy()).float() / 255


def _joined(pairs: Sequence[tuple[Pixels, Pixels]]) -> Tensor | None:
    """Colours before beside the colours they became: M x 6."""
    for before, after in pairs:
        if before.shape != after.shape:
            raise StyleError(f"a pair of {before.shape} and {after.shape}", "the same picture before and after")
    joined = [torch.cat([_colours_of(before), _colours_of(after)], dim=1) for before, after in pairs]
    return torch.cat(joined) if joined else None
