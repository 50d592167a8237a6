"""Planning 100,000 assets of a folder: first time, and again when nothing has changed."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from flows.planner import Planner
from flows.run_records import begin
from flows.stores.local import FolderStore
from governance.db import Database
from governance.planning import PlanPage, plan_page
from governance.policy import Policy, StyleTerms
from stylecore.data import Digest, StyleRef
from tests.flows.world import World

ASSETS = 100_000
_ANY = frozenset({"*"})


def measured(home: Path) -> Iterator[str]:
    _build(home / "library")
    campaign = World(home).campaign()
    records = Database.open(f"sqlite:///{home / 'ledger.db'}")
    terms = StyleTerms(StyleRef("dots", 1, Digest("0" * 64)), True, "house", None, _ANY, _ANY, _ANY)
    source = FolderStore(home / "library")
    planner = Planner(records, source, Policy.shipped(), (terms,), campaign, "shelf", date.today)
    for what in ("the first time", "again"):
        run_id = begin(records, campaign, "bench", None, planner.policy).run_id
        started, before_mb = time.perf_counter(), _peak_mb()
        seen = sum((plan_page(records, run_id, "bench", page.items) for page in planner.pages()), PlanPage())
        took_s = time.perf_counter() - started
        yield (
            f"{what}: {seen.seen:,} assets in {took_s:.1f} s ({took_s / seen.seen * 100_000:.1f} s per 100,000), "
            f"{seen.new:,} new, peak memory {_peak_mb():.0f} MB (+{_peak_mb() - before_mb:.0f})"
        )


def _build(library: Path) -> None:
    for folder in range(ASSETS // 1_000):
        path = library / f"{folder:03}"
        path.mkdir(parents=True)
        (path / "_restyle.csv").write_text("file,class,licence,derivatives,person\n*,product,studio,allowed,no\n")
        for number in range(1_000):
            (path / f"{number:03}.jpg").write_bytes(f"{folder} {number}".encode())


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
