"""Train lpips-lite, the bundled student of LPIPS.

    python -m stylecore.training.lpips_lite --photos DIR --weights DIR --packages DIR... --out FILE

The teacher is LPIPS on SqueezeNet, whose weights lie in the weights folder. The student learns from the teacher's
distance at every place and every level, and from the distances of whole pictures and their order. Stopped, it goes on
from its last checkpoint when it is started again.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from stylecore.errors import WeightsError
from stylecore.metrics.lpips import Lpips, directions, standardised
from stylecore.metrics.lpips_lite import LEVELS, SHAPES, features
from stylecore.training.loop import Progress, Schedule, Trainer
from stylecore.training.lpips_lite_pairs import PairSampler, models_of, photos_in, sights
from stylecore.training.task import Player, Trained
from stylecore.weights import WeightsFolder

_TEACHERS_LAYERS = ((0,), (1,), (2,), (3,), (4,), (5, 6))
"""Which of the teacher's layers each level of the student stands for: those with its stride."""
_LEAST_DISTANCE = 0.01
_RANK_TEMPERATURE = 0.1
ITERATIONS = 2000
CHECKPOINT_EVERY = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that decides the result."""

    groups: int = 4
    members: int = 6
    crop_px: int = 128
    invented_share: float = 0.12
    learning_rate: float = 2e-3
    places: float = 1.0
    levels: float = 0.5
    total: float = 3.0
    order: float = 1.0
    seed: int = 11


class Student(nn.Module):
    """The weights of lpips-lite while they are learned. A channel's weight is a square: it is never negative."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        draws = torch.Generator().manual_seed(seed)
        for name, shape in SHAPES.items():
            start = torch.zeros(shape)
            if name.endswith(".weigh"):
                start += 0.45
            elif len(shape) == 4:
                start.normal_(0, (2 / math.prod(shape[1:])) ** 0.5, generator=draws)
            self.register_parameter(name.replace(".", "_"), nn.Parameter(start))

    def weights(self) -> dict[str, Tensor]:
        found = {name: self.get_parameter(name.replace(".", "_")) for name in SHAPES}
        return {name: value.square() if name.endswith(".weigh") else value for name, value in found.items()}


class Lesson:
    """The training's task: what the student is asked at one iteration, and how far from the teacher its answers are."""

    def __init__(self, settings: Settings, teacher: Lpips, pairs: PairSampler) -> None:
        self.student = Student(settings.seed)
        self._settings, self._teacher, self._pairs = settings, teacher, pairs
        self._counted = [_counted(teacher.linear[f"lin{index}.model.1.weight"]) for index in range(7)]

    @property
    def players(self) -> tuple[Player, ...]:
        return (Player("student", self.student, self._settings.learning_rate, betas=(0.9, 0.99)),)

    def trained(self) -> Trained:
        """The student as it is shipped, in half precision. It is no style, so it has no reference pictures."""
        packed = {name: value.detach().half().contiguous() for name, value in self.student.weights().items()}
        return Trained("lpips-lite", {}, packed, {})

    def losses(self, player: str, iteration: int) -> dict[str, Tensor]:
        pictures = self._pairs.batch(iteration, self._settings.groups)
        pictures = pictures.contiguous(memory_format=torch.channels_last)  # pooling is several times faster so
        with torch.no_grad():
            wanted = self._teachers_maps(pictures)
        weights = self.student.weights()
        found = [
            self._maps(directions(level), weights[f"{name}.weigh"])
            for name, level in zip(LEVELS, features(pictures, weights), strict=True)
        ]
        mine, theirs = (torch.stack([each.mean((1, 2)) for each in maps]) for maps in (found, wanted))
        terms = {
            "places": torch.stack([_places_loss(*pair) for pair in zip(found, wanted, strict=True)]).mean(),
            "levels": _relative(mine, theirs, 0.05 * theirs.mean(1, keepdim=True)).mean(),
            "total": _relative(mine.sum(0), theirs.sum(0), torch.tensor(_LEAST_DISTANCE)).mean(),
            "order": _order_loss(mine.sum(0), theirs.sum(0)),
        }
        return {name: getattr(self._settings, name) * value for name, value in terms.items()}

    def _teachers_maps(self, pictures: Tensor) -> list[Tensor]:
        layers = self._teacher.features(standardised(pictures), self._teacher.weights)
        maps = [
            self._maps(directions(layer)[:, channels], channel_weights)
            for layer, (channels, channel_weights) in zip(layers, self._counted, strict=True)
        ]
        return [torch.stack([maps[index] for index in group]).sum(0) for group in _TEACHERS_LAYERS]

    def _maps(self, compared: Tensor, channel_weights: Tensor) -> Tensor:
        """The distances at each place, pairs x height x width: each picture of a group to its crop and to the next."""
        groups = compared.reshape(self._settings.groups, self._settings.members, *compared.shape[1:])
        apart = [groups[:, :1] - groups[:, 1:], groups[:, 1:-1] - groups[:, 2:]]
        return torch.cat([functional.conv2d(each.flatten(0, 1).square(), channel_weights)[:, 0] for each in apart])


def _counted(channel_weights: Tensor) -> tuple[Tensor, Tensor]:
    """The channels that count, and their weights: of the first layers few do, and all others together hardly."""
    channels = (channel_weights.flatten() > 1e-3).nonzero()[:, 0]
    return channels, channel_weights[:, channels]


def _places_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Roots are compared, because distances at places spread over orders of magnitude; relative to what there is."""
    least = 0.02 * wanted.mean() + 1e-6
    return ((found + least).sqrt() - (wanted + least).sqrt()).square().mean() / (wanted.mean() + least)


def _relative(found: Tensor, wanted: Tensor, least: Tensor) -> Tensor:
    return ((found + least).log() - (wanted + least).log()).square()


def _order_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """How often, and how clearly, two pairs are ranked the other way than the teacher ranks them."""
    mine, theirs = ((each + _LEAST_DISTANCE).log() for each in (found, wanted))
    apart, wanted_apart = mine[:, None] - mine, theirs[:, None] - theirs
    clear = wanted_apart.abs().clamp_max(0.5)
    wrong = functional.softplus(-apart * wanted_apart.sign() / _RANK_TEMPERATURE)
    return (clear * wrong).sum() / clear.sum()


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    settings, schedule = Settings(), Schedule(asked.iterations, gradient_clip=1.0)
    folder = WeightsFolder(asked.weights)
    teacher = Lpips.load(folder, ("squeeze",))
    if teacher is None:
        raise WeightsError(f"no LPIPS weights in {asked.weights}", "the teacher's two files", "restyle weights pull")
    photos = [Image.open(path).convert("RGB") for path in photos_in(asked.photos) if path.stem not in asked.without]
    models = [model for package in asked.packages for model in models_of(package, folder)]
    seen = list(sights(photos, models, settings.seed))
    pairs = PairSampler(seen, settings.crop_px, settings.members, settings.invented_share, settings.seed)
    lesson = Lesson(settings, teacher, pairs)
    trainer = Trainer(lesson, schedule, identity=repr((settings, schedule)))
    run(trainer, asked.out.with_suffix(".checkpoint.safetensors"))
    save_file(dict(lesson.trained().tensors), asked.out)
    return 0


def run(trainer: Trainer, checkpoint: Path) -> None:
    """To the end, from the checkpoint if there is one, leaving one every so often."""
    if checkpoint.exists():
        trainer.load(checkpoint)
    while trainer.iteration < trainer.schedule.iterations:
        trainer.run(min(trainer.iteration + CHECKPOINT_EVERY, trainer.schedule.iterations), _tell)
        trainer.save(checkpoint)


def _tell(progress: Progress) -> None:
    if progress.iteration % 25 == 0:
        told = " ".join(f"{name} {value:.3f}" for name, value in progress.losses.items())
        sys.stderr.write(f"{progress.iteration} {told} ({time.process_time():.0f} s)\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stylecore.training.lpips_lite", description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photographs to learn from")
    parser.add_argument("--weights", type=Path, required=True, help="where the teacher's weights lie")
    parser.add_argument("--packages", type=Path, nargs="*", default=[], help="style packages to restyle them with")
    parser.add_argument("--without", nargs="*", default=[], help="names of photographs kept for the trial")
    parser.add_argument("--out", type=Path, required=True, help="the weights file; a checkpoint lies beside")
    parser.add_argument("--iterations", type=int, default=ITERATIONS)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
