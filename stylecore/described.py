"""Settings as a style package describes them. A package is not trusted: exact names, exact types, within bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from stylecore.errors import StyleError

MAX_TEXT = 200
_NEXT = "Was the package written for another version of restyle?"

Bounds = Mapping[str, tuple[float, float]]
Choices = Mapping[str, tuple[str, ...]]


def checked_settings(kind: type, described: Mapping[str, Any], bounds: Bounds, choices: Choices) -> dict[str, Any]:
    """What a frozen dataclass of whole numbers, numbers and texts is made from. Its modules postpone annotations, so
    the types of its fields are their names."""
    types = {each.name: str(each.type) for each in fields(kind)}
    if set(described) != set(types):
        odd = sorted({*map(str, described)} ^ {*types})[:4]
        raise StyleError(f"an architecture with other settings ({odd!a})", f"exactly {sorted(types)}", _NEXT)
    return {
        name: _text(name, described[name], choices) if types[name] == "str" else _number(name, described, types, bounds)
        for name in types
    }


def _number(name: str, described: Mapping[str, Any], types: Mapping[str, str], bounds: Bounds) -> int | float:
    value, (least, most) = described[name], bounds[name]
    wanted = (int,) if types[name] == "int" else (int, float)
    if type(value) not in wanted or not math.isfinite(value) or not least <= value <= most:
        what = "a whole number" if types[name] == "int" else "a number"
        raise StyleError(f"{name} = {ascii(value)[:80]}", f"{what} from {least:g} to {most:g}", _NEXT)
    return int(value) if types[name] == "int" else float(value)


def _text(name: str, value: Any, choices: Choices) -> str:
    allowed = choices.get(name)
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise StyleError(f"{name} = {ascii(value)[:80]}", f"printable text of at most {MAX_TEXT} characters", _NEXT)
    if allowed is not None and value not in allowed:
        raise StyleError(f"{name} = {value[:80]!a}", f"one of {', '.join(allowed)}", _NEXT)
    return value
