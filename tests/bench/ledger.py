"""The ledger: events committed one by one, and the whole chain verified."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from governance import ledger
from governance.db import Database
from governance.events import EventKind, NewEvent

COMMITS = 3_000
EVENTS = 100_000


def measured(home: Path) -> Iterator[str]:
    records = Database.open(f"sqlite:///{home / 'ledger.db'}")
    event = NewEvent(EventKind.POLICY_CHANGED, "bench", "policy:default", {"digest": "0" * 64})
    started = time.perf_counter()
    for _ in range(COMMITS):
        with records.write() as connection:
            ledger.append(connection, [event])
    took_s = time.perf_counter() - started
    yield f"{COMMITS / took_s:,.0f} single-event commits a second (SQLite, every commit on disk)"
    for _ in range(EVENTS // 1_000):
        with records.write() as connection:
            ledger.append(connection, [event] * 1_000)
    started = time.perf_counter()
    found = ledger.verify(records)
    took_s = time.perf_counter() - started
    yield f"verified {EVENTS + COMMITS:,} events in {took_s:.2f} s: {type(found).__name__}"
