"""Every question of the audit put to a large house: the first page of each, a hundred rows, on SQLite.

The house is built once and kept: ``python -m tests.bench.audit [--pictures N] [--folder FOLDER]``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from statistics import median

from sqlalchemy import select, text

from governance.db import Database
from governance.queries.catalogue import QUESTIONS, ask
from governance.queries.question import AuditQuestion
from governance.tables.outputs import OUTPUTS
from governance.tables.policies import REFUSALS
from governance.tables.work import EVENTS, ITEMS, REVIEWS
from tests.bench.__main__ import machine
from tests.governance.year import days_of, write

PICTURES = 1_100_000
"""So that a million are published, with nearly five million events."""

TODAY = date(2026, 1, 1)
_TIMES = 5
_INDEXED = (EVENTS, ITEMS, OUTPUTS, REVIEWS, REFUSALS)


def built(path: Path, pictures: int) -> Iterator[str]:
    """Without indices while it grows, and nothing waits for the disk: only what is asked afterwards is measured."""
    if path.exists():
        return
    growing = path.with_suffix(".growing")
    growing.unlink(missing_ok=True)
    database = Database.open(f"sqlite:///{growing}")
    started = time.perf_counter()
    _prepare(database)
    for _ in write(database, days_of(pictures, licences=400), at_once=5):
        pass
    yield f"wrote {pictures:,} pictures in {time.perf_counter() - started:.0f} s"
    _index(database)
    database.close()
    growing.rename(path)
    yield f"indexed after {time.perf_counter() - started:.0f} s, {path.stat().st_size / 1e9:.1f} GB"


def measured(path: Path) -> Iterator[str]:
    database = Database.open(f"sqlite:///{path}")
    with database.read() as connection:
        item_id = connection.execute(select(ITEMS.c.item_id).limit(1)).scalar_one()
        counts = {
            table.name: connection.execute(text(f"SELECT count(*) FROM {table.name}")).scalar_one()  # noqa: S608
            for table in _INDEXED
        }
    yield ", ".join(f"{count:,} {name}" for name, count in counts.items())
    given = {"style": "style-1", "digest": item_id[:10], "holder": "Holder 1"}
    for question in QUESTIONS.values():
        yield _asked(database, question, {name: given[name] for name in question.needs[:1]})


def _asked(database: Database, question: AuditQuestion, given: dict[str, str]) -> str:
    times = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        answer = ask(database, question.name, given, today=TODAY)
        times.append(time.perf_counter() - started)
    more = "+" if answer.next else ""
    slow = "" if median(times) < 1 else "  slower than a second"
    return f"{question.number:>2} {question.name:<30} {median(times) * 1000:8.1f} ms {len(answer.rows):>4}{more}{slow}"


def _prepare(database: Database) -> None:
    with database._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = MEMORY")
        for table in _INDEXED:
            for index in table.indexes:
                index.drop(connection)


def _index(database: Database) -> None:
    with database._engine.connect() as connection:
        for table in _INDEXED:
            for index in table.indexes:
                index.create(connection)
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--pictures", type=int, default=PICTURES)
    told.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "restyle-bench-audit")
    args = told.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    path = args.folder / f"house-{args.pictures}.db"
    print(f"machine: {machine()}", flush=True)
    for lines in (built(path, args.pictures), measured(path)):
        for line in lines:
            print(line, flush=True)


if __name__ == "__main__":
    main()
