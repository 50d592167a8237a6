"""How the command speaks: to people through Rich, to programs as JSON. Asset names are hostile: always ``plain``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_WIDTH_OF_LOGS = 160
_WIDTH_IF_UNKNOWN = 80  # what Rich assumes


def _console(stderr: bool) -> Console:
    """As wide as the terminal; and where there is none, wide enough that a table can be searched and read."""
    found = Console(stderr=stderr, highlight=False)
    if not found.is_terminal and found.width == _WIDTH_IF_UNKNOWN:
        found.width = _WIDTH_OF_LOGS
    return found


console = _console(stderr=False)
errors = _console(stderr=True)


def plain(text: object) -> str:
    """Text from outside, with neither markup nor control characters, so that it can only be read."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text)))


def say_json(value: Any) -> None:
    """One JSON document on standard output, and nothing else there."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")


def say_json_list(values: Iterable[Any]) -> None:
    """One JSON array on standard output, written as it comes: a million entries are never in memory at once."""
    opening = "["
    for value in values:
        sys.stdout.write(f"{opening}\n{json.dumps(value, ensure_ascii=False, default=str)}")
        opening = ","
    sys.stdout.write("[]\n" if opening == "[" else "\n]\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table of hostile cells. Columns whose name ends in ``…`` may be folded; the others stay on one line."""
    sheet = Table(header_style="bold", show_edge=False, pad_edge=False)
    for column in columns:
        sheet.add_column(column.rstrip("…"), overflow="fold", no_wrap=not column.endswith("…"))
    for row in rows:
        sheet.add_row(*(plain(cell) for cell in row))
    console.print(sheet)
