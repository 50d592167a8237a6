"""A sweep: the same recipe with other numbers, many short trainings, and which numbers did best on held-out pictures.

Optuna proposes, we train. The study lives in a file beside the trials, so a sweep that was cut off goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from flows.errors import UsageError
from stylecore.training.early_stopping import Patience, best
from stylecore.training.recipe import EarlyStopping, TrainingRecipe
from stylecore.training.run import Workplace, train

if TYPE_CHECKING:
    import optuna

MAX_SWEEP_BYTES = 100_000
STUDY = "sweep.db"


class Range(BaseModel):
    """The values that one number of the recipe may take: between two, or one of several."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    least: float | None = Field(None, alias="from", allow_inf_nan=False)
    most: float | None = Field(None, alias="to", allow_inf_nan=False)
    log: bool = False
    choices: tuple[bool | int | float | str, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Range:
        if (self.least is None) != (self.most is None) or (self.least is None) == (not self.choices):
            raise ValueError("either from and to, or choices, is expected")
        if self.least is not None and self.most is not None and not self.least < self.most:
            raise ValueError("from has to be below to")
        return self


class Sweep(BaseModel):
    """What is varied, by the dotted name that the value has in the recipe (``styles.0.pull.style``), and how often."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trials: Annotated[int, Field(ge=1, le=1000)]
    iterations: Annotated[int, Field(ge=1, description="of each trial; fewer than the recipe's own")]
    vary: dict[str, Range] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Trial:
    """One training of the sweep. ``worth`` is what early stopping goes by: content and style in balance."""

    number: int
    values: Mapping[str, Any]
    worth: float


def read_sweep(path: Path) -> Sweep:
    try:
        content = path.read_bytes()[: MAX_SWEEP_BYTES + 1]
        if len(content) > MAX_SWEEP_BYTES:
            raise UsageError(f"{path.name} of over {MAX_SWEEP_BYTES:,} bytes", "a sweep file")
        return Sweep.model_validate(yaml.safe_load(content))
    except OSError as problem:
        raise UsageError(f"{path} cannot be read ({problem.strerror})", "a sweep file") from problem
    except (yaml.YAMLError, RecursionError) as problem:
        raise UsageError(f"{path.name} is not YAML", "a sweep file") from problem
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise UsageError(f"{path.name}: {where}: {first['msg']}", "trials, iterations and vary") from problem


def swept(recipe: TrainingRecipe, sweep: Sweep, place: Workplace) -> list[Trial]:
    """Runs what is left of the sweep and tells all trials, the best first."""
    import optuna

    for name in sweep.vary:
        with_values(recipe, {name: _value_of(recipe, name)})  # a name that is not there is told before any training
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    place.out.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{place.out / STUDY}",
        study_name=str(recipe.digest),
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=recipe.seed),
        load_if_exists=True,
    )
    done = sum(trial.state is optuna.trial.TrialState.COMPLETE for trial in study.trials)
    study.optimize(lambda trial: _worth(trial, recipe, sweep, place), n_trials=max(0, sweep.trials - done))
    found = [
        Trial(trial.number, dict(trial.params), float(trial.value)) for trial in study.trials if trial.value is not None
    ]
    return sorted(found, key=lambda trial: -trial.worth)


def with_values(recipe: TrainingRecipe, values: Mapping[str, Any]) -> TrainingRecipe:
    """The recipe with other values under these dotted names, checked like any recipe."""
    document = recipe.model_dump(mode="json")
    for name, value in values.items():
        holder, key = _holder(document, name)
        holder[key] = value
    try:
        return TrainingRecipe.model_validate(document)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        told = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise UsageError(f"a sweep that makes no recipe ({told})", "values that the recipe may have") from problem


def _worth(trial: optuna.Trial, recipe: TrainingRecipe, sweep: Sweep, place: Workplace) -> float:
    values = {name: _proposed(trial, name, allowed) for name, allowed in sweep.vary.items()}
    judged = recipe.early_stopping or EarlyStopping()
    shorter = recipe.model_copy(
        update={
            "schedule": recipe.schedule.model_copy(update={"iterations": sweep.iterations}),
            "early_stopping": judged.model_copy(update={"check_every": sweep.iterations}),
        }
    )
    own = Workplace(place.folder, place.out / f"trial-{trial.number:03}", place.weights, place.photos)
    checks = train(with_values(shorter, values), own).checks
    patience = Patience(**judged.model_dump())
    found = best(checks, patience)
    if found is None:
        raise UsageError("a sweep of a recipe that holds nothing out", "content.held_out above 0 in the recipe")
    return patience.worth(found.content, found.style)


def _proposed(trial: optuna.Trial, name: str, allowed: Range) -> Any:
    if allowed.least is None or allowed.most is None:
        return trial.suggest_categorical(name, allowed.choices)
    return trial.suggest_float(name, allowed.least, allowed.most, log=allowed.log)


def _holder(document: Any, name: str) -> tuple[Any, Any]:
    """Where in the document the last part of a dotted name is. Settings may be given that the recipe leaves unsaid."""
    *path, last = name.split(".")
    for step in path:
        document = _inner(document, step, name)
    if isinstance(document, list):
        _inner(document, last, name)
        return document, int(last)
    if not isinstance(document, dict):
        raise _not_there(name)
    return document, last


def _inner(document: Any, step: str, name: str) -> Any:
    try:
        return document[int(step)] if isinstance(document, list) else document[step]
    except (KeyError, IndexError, ValueError, TypeError) as problem:
        raise _not_there(name) from problem


def _value_of(recipe: TrainingRecipe, name: str) -> Any:
    holder, key = _holder(recipe.model_dump(mode="json"), name)
    if isinstance(holder, dict) and key not in holder:
        raise _not_there(name)
    return holder[key]


def _not_there(name: str) -> UsageError:
    return UsageError(f"the recipe has no {ascii(name)[:100]}", "the dotted name of a value that stands in it")
