"""Strict reading of JSON that anybody may have written: every value is asked for by name, type and size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NoReturn, Self, cast
from unicodedata import category

from governance.provenance.errors import StatementError
from stylecore.data import Digest

MAX_TEXT_CHARS = 2_000
MAX_ITEMS = 200
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_DAY = "%Y-%m-%d"


@dataclass(frozen=True, slots=True)
class Reader:
    """One JSON object being read; ``path`` says where it is, so that a complaint can name the field."""

    values: Mapping[str, Any]
    path: str = ""

    @classmethod
    def of_json(cls, content: bytes) -> Self:
        try:
            value = json.loads(content.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_no_twice)
        except (ValueError, RecursionError) as error:
            raise StatementError(f"not readable JSON ({str(error)[:120]})", "a provenance statement") from error
        if not isinstance(value, dict):
            raise StatementError("a JSON document that is not an object", "a provenance statement")
        return cls(value)

    def _value(self, key: str) -> Any:
        if key not in self.values:
            self._complain(key, "nothing", "a value")
        return self.values[key]

    def _complain(self, key: str, got: object, expected: str) -> NoReturn:
        raise StatementError(f"{self.path}{key} is {str(got)[:80]!r}", expected)

    def is_null(self, key: str) -> bool:
        return self._value(key) is None

    def text(self, key: str) -> str:
        return self._checked_text(key, self._value(key))

    def _checked_text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or len(value) > MAX_TEXT_CHARS or not is_plain(value):
            self._complain(key, value, f"text of at most {MAX_TEXT_CHARS} characters without control characters")
        return value

    def whole(self, key: str) -> int:
        value = self._value(key)
        if type(value) is not int or abs(value) > 2**53:
            self._complain(key, value, "a whole number")
        return value

    def number(self, key: str) -> float:
        value = self._value(key)
        if type(value) not in (int, float) or abs(value) > 2**53:
            self._complain(key, value, "a finite number")
        return cast(float, value)

    def digest(self, key: str) -> Digest:
        try:
            return Digest(self.text(key))
        except ValueError:
            self._complain(key, self._value(key), "a sha256 digest")

    def day(self, key: str) -> date:
        return self._time(key, _DAY).date()

    def moment(self, key: str) -> datetime:
        return self._time(key, _MOMENT).replace(tzinfo=UTC)

    def _time(self, key: str, pattern: str) -> datetime:
        text = self.text(key)
        try:
            return datetime.strptime(text, pattern)
        except ValueError:
            self._complain(key, text, f"a time written as {pattern}")

    def inner(self, key: str) -> Reader:
        return self._object(key, self._value(key))

    def _object(self, key: str, value: object) -> Reader:
        if not isinstance(value, dict):
            self._complain(key, value, "an object")
        return Reader(value, f"{self.path}{key}.")

    def items(self, key: str) -> tuple[Reader, ...]:
        return tuple(self._object(f"{key}[{index}]", item) for index, item in enumerate(self._list(key)))

    def only_item(self, key: str) -> Reader:
        if len(items := self.items(key)) != 1:
            self._complain(key, f"{len(items)} items", "exactly one")
        return items[0]

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(self._checked_text(f"{key}[{index}]", item) for index, item in enumerate(self._list(key)))

    def _list(self, key: str) -> list[object]:
        value = self._value(key)
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            self._complain(key, value, f"a list of at most {MAX_ITEMS}")
        return value

    def texts_by_name(self, key: str) -> dict[str, str]:
        inner = self.inner(key)
        if len(inner.values) > MAX_ITEMS:
            self._complain(key, f"{len(inner.values)} entries", f"at most {MAX_ITEMS}")
        return {inner._checked_text(name, name): inner.text(name) for name in inner.values}


def is_plain(text: str) -> bool:
    """Whether every character may stand in JSON, XML and a terminal. File names of all the world's people are plain."""
    return not any(category(character) in ("Cc", "Cs") or ord(character) & 0xFFFE == 0xFFFE for character in text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that JSON knows")


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("the same key twice")
    return found
