"""What an event says of itself, in one cell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_MAX_CHARS = 200


def evidence(body: Mapping[str, Any]) -> str:
    """Each thing it names; long texts such as signatures are left to `restyle audit events`."""
    said = {name: value for name, value in body.items() if value not in (None, "", [], {})}
    words = (f"{name} {value if isinstance(value, str) else _spelled(value)}" for name, value in said.items())
    return "; ".join(word if len(word) <= _MAX_CHARS else f"{word[: _MAX_CHARS - 1]}…" for word in words)


def _spelled(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
