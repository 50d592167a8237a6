"""Which module trains which family, and its settings filled from a recipe's plain values."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Protocol, cast

from pydantic import TypeAdapter, ValidationError

from stylecore.training.errors import TrainingError
from stylecore.training.material import Material
from stylecore.training.task import Task

_MODULES: Mapping[str, str] = MappingProxyType(
    {
        "conditional-instance-norm": "conditional",
        "feed-forward": "feed_forward",
        "adaptive-instance-norm": "adaptive",
        "style-attention": "attention",
        "draft-and-revise": "draft_revise",
        "colour-grade": "colour_grade",
        "image-to-image": "unpaired",
    }
)

TRAINABLE = tuple(_MODULES)
_WITHOUT_LOSS_NETWORK = frozenset({"colour-grade", "image-to-image"})


def has_loss_network(family: str) -> bool:
    """Whether losses are measured on the features of a network trained by others, which cards and rights then name."""
    return family not in _WITHOUT_LOSS_NETWORK


class TaskModule(Protocol):
    """What the module of a family's training offers: its settings as a frozen dataclass, and its task."""

    Settings: type[Any]

    def make(self, settings: Any, material: Material) -> Task: ...


def settings_of(family: str, told: Mapping[str, Any]) -> Any:
    """The family's settings with these values; a name or a value that it does not know is refused."""
    kind = _module(family).Settings
    known = ", ".join(kind.__dataclass_fields__)
    if unknown := sorted(set(told) - set(kind.__dataclass_fields__)):
        raise TrainingError(f"a setting {unknown[0]!a} of {family}", f"of {known}")
    try:
        return TypeAdapter(kind).validate_python(dict(told))
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise TrainingError(
            f"the setting {where} of {family}: {first['msg']} (got {ascii(first['input'])[:80]})", f"of {known}"
        ) from problem


def task_of(family: str, settings: Mapping[str, Any], material: Material) -> Task:
    return _module(family).make(settings_of(family, settings), material)


def _module(family: str) -> TaskModule:
    if family not in _MODULES:
        raise TrainingError(f"training of the family {family!r}", f"one of {', '.join(TRAINABLE)}")
    return cast(TaskModule, import_module(f"stylecore.training.tasks.{_MODULES[family]}"))
