"""The training loop: deterministic by its seed, and resumed from a checkpoint bit for bit.

Nothing random is carried from one iteration to the next, which is the tasks' promise. So a checkpoint is the
parameters, for each what Adam keeps of it, and some numbers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from stylecore.errors import StyleError
from stylecore.training.task import Player, Task

_KEPT = ("step", "exp_avg", "exp_avg_sq")
"""What Adam knows of a parameter: how often it was changed, and the two moments of its gradient. Each has its own
count: an iteration that gives one no gradient leaves it, and what Adam knows of it, as they are."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast: a warm-up, then half a cosine down to a hundredth."""

    iterations: int = 4200
    warm_up: int = 50
    gradient_clip: float = 5.0

    def pace(self, iteration: int) -> float:
        """The learning rate of an iteration, as a share of the player's own."""
        done = iteration / max(1, self.iterations)
        warmth = min(1.0, (iteration + 1) / max(1, self.warm_up))
        return warmth * max(0.01, 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


@dataclass(frozen=True, slots=True)
class Progress:
    """One iteration's losses as they were minimised, of all players. ``left_out``: it changed nothing."""

    iteration: int
    losses: Mapping[str, float]
    left_out: bool = False

    @property
    def total(self) -> float:
        return sum(self.losses.values())


class Trainer:
    """Holds what training changes. ``step`` is one iteration, in which every player has its turn.

    ``identity`` says of what recipe it is; ``notes`` are kept in the checkpoint for whoever runs it.
    """

    def __init__(self, task: Task, schedule: Schedule, identity: str = "") -> None:
        self.task, self.schedule, self.iteration = task, schedule, 0
        self._identity = identity
        self.notes: dict[str, Any] = {}
        self._optimizers = {
            player.name: torch.optim.Adam(_changing(player), lr=player.learning_rate, betas=player.betas)
            for player in task.players
        }

    def step(self) -> Progress:
        told: dict[str, float] = {}
        left_out = False
        for player in self.task.players:
            losses = self.task.losses(player.name, self.iteration)
            left_out |= not self._moved(player, losses)
            told |= {name: float(value.detach()) for name, value in losses.items()}
        self.iteration += 1
        return Progress(self.iteration, told, left_out)

    def run(self, until: int, told: Callable[[Progress], None] = lambda _: None) -> None:
        while self.iteration < until:
            told(self.step())

    def _moved(self, player: Player, losses: Mapping[str, Tensor]) -> bool:
        optimizer = self._optimizers[player.name]
        for group in optimizer.param_groups:
            group["lr"] = player.learning_rate * self.schedule.pace(self.iteration)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        size = nn.utils.clip_grad_norm_(_changing(player), self.schedule.gradient_clip)
        finite = bool(torch.isfinite(size))
        if finite:
            # A crop without any contrast divides by almost nothing in every normalisation. One such step would put
            # NaN into every weight for good, so it is left out.
            optimizer.step()
        return finite

    def save(self, path: Path) -> None:
        """A checkpoint under its final name only when it is whole."""
        tensors: dict[str, Tensor] = {}
        told = {"iteration": str(self.iteration), "identity": self._identity, "notes": json.dumps(self.notes)}
        for player in self.task.players:
            state = self._optimizers[player.name].state
            for name, parameter in player.network.named_parameters():
                tensors[f"{player.name}.network.{name}"] = parameter.detach().contiguous()
                for kept, value in state.get(parameter, {}).items():
                    tensors[f"{player.name}.{kept}.{name}"] = value.contiguous()
        partial = path.with_suffix(".partial")
        save_file(tensors, partial, metadata=told)
        partial.replace(path)

    def load(self, path: Path) -> None:
        with safe_open(path, framework="pt") as stored:
            told = stored.metadata() or {}
            if told.get("identity") != self._identity:
                raise StyleError(
                    f"{path.name} is a checkpoint of another recipe",
                    "one of this recipe",
                    "Move it away to begin anew.",
                )
            self.iteration, self.notes = int(told["iteration"]), json.loads(told.get("notes", "{}"))
            tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118 - not a mapping
        for player in self.task.players:
            state = self._optimizers[player.name].state
            for name, parameter in player.network.named_parameters():
                with torch.no_grad():
                    parameter.copy_(tensors[f"{player.name}.network.{name}"])
                kept = {each: tensors[key] for each in _KEPT if (key := f"{player.name}.{each}.{name}") in tensors}
                state.pop(parameter, None)
                if kept:
                    state[parameter] = _with_count(kept, told.get(f"steps.{player.name}"))


def _with_count(kept: dict[str, Tensor], of_all: str | None) -> dict[str, Tensor]:
    """Checkpoints of old have one count for all parameters of a player, where nobody need lose a long training."""
    return kept if of_all is None else {"step": torch.tensor(float(of_all)), **kept}


def _changing(player: Player) -> list[nn.Parameter]:
    """What the player's optimiser may change: not what its task has frozen."""
    return [parameter for parameter in player.network.parameters() if parameter.requires_grad]
