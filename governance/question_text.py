"""A question to the policy as it is kept: one spelling for one question, so that equal ones are kept once.

The day of asking is not part of it (it stands beside the answer), and neither is where things are in the picture: no
rule reads that. What says nothing (what is not known of an asset, the usual action) is left out, so that a question
keeps its digest when facts are added that it does not have.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date
from functools import cache, lru_cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from governance.errors import IntegrityError
from governance.policy_question import Question
from stylecore.data import AssetFacts, Digest, canonical_json

_NOT_KEPT = frozenset({"on", "zones"})
_NO_DEFAULT = object()


def text_of(question: Question) -> str:
    """The question as canonical JSON. Terms and purposes are those of thousands of assets, so they are spelled once."""
    told = ((name, getattr(question, name), default) for name, default in _kept(Question))
    parts = (f'"{name}":{_part(value)}' for name, value, default in told if value != default)
    return "{" + ",".join(parts) + "}"


def question_of(text: str, on: date) -> Question:
    """The question of that text, asked on that day."""
    try:
        told: Question = _reader(Question)({**json.loads(text), "on": on.isoformat()})
        return told
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        raise IntegrityError(
            f"a recorded question that cannot be read ({str(problem)[:120]})",
            "one that this restyle or an older one wrote",
            "`restyle audit verify` tells whether the records were changed",
        ) from problem


def _part(value: Any) -> str:
    return _text(value) if isinstance(value, AssetFacts) else _shared_part(value)


@lru_cache(maxsize=1024)
def _shared_part(value: Any) -> str:
    return _text(value)


def _text(value: Any) -> str:
    return canonical_json(_plain(value)).decode()


def _plain(value: Any) -> Any:
    """As JSON knows it; of a dataclass, what is not its default."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(each) for name, default in _kept(type(value)) if (each := getattr(value, name)) != default}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(_plain(each) for each in value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return dict(value) if isinstance(value, Mapping) else value


@cache
def _kept(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    """The names of a dataclass's fields that are kept, each with its default."""
    return tuple((each.name, _default(each)) for each in _by_name(kind) if each.name not in _NOT_KEPT)


def _by_name(kind: type[Any]) -> list[Field[Any]]:
    return sorted(fields(kind), key=lambda each: each.name)


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return _NO_DEFAULT if field.default is MISSING else field.default


_Reader = Callable[[Any], Any]


@cache
def _reader(hint: Any) -> _Reader:
    """What makes of a spelled value the value of a field of that type. Made once: replaying a year reads millions."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        known = _reader(next(each for each in inner if each is not types.NoneType))
        return lambda told: None if told is None else known(told)
    if origin in (frozenset, tuple):
        each_one = _reader(inner[0])
        return lambda told: origin(map(each_one, told))
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass_reader(hint)
    if hint is date:
        return date.fromisoformat
    return Digest if hint is Digest else _as_it_is


def _dataclass_reader(kind: type[Any]) -> _Reader:
    readers = {name: _reader(hint) for name, hint in get_type_hints(kind).items()}
    return lambda told: kind(**{name: readers[name](value) for name, value in told.items()})


def _as_it_is(told: Any) -> Any:
    return told
