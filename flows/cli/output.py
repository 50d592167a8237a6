"""How the command speaks: to people through Rich, to programs as JSON. Asset names are hostile: always ``plain``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def plain(text: object) -> str:
    """Text from outside, with neither markup nor control characters, so that it can only be read."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text)))


def say_json(value: Any) -> None:
    """One JSON document on standard output, and nothing else there."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table of hostile cells."""
    sheet = Table(title=title, title_justify="left", header_style="bold", show_edge=False, pad_edge=False)
    for column in columns:
        sheet.add_column(column, overflow="fold")
    for row in rows:
        sheet.add_row(*(plain(cell) for cell in row))
    console.print(sheet)
