"""Evaluations are kept whole, with the event that tells of them."""

from __future__ import annotations

import pytest

from governance import evaluations, ledger
from governance.db import Database
from governance.errors import UsageError
from governance.evaluations import NewEvaluation
from governance.events import EventKind
from tests.governance.world import GATES, GOLDEN, STYLE, digest, evaluate


def test_an_evaluation_is_kept_whole_and_told(database: Database) -> None:
    kept = evaluate(database, STYLE, "speed", "ssim_eighth")
    assert evaluations.of_version(database, "risograph", 1) == (kept,)
    assert (kept.passed, kept.report["classes"]) == (False, {"product": {"ssim_eighth": 0.8}})
    (event,) = ledger.page(database, kind=EventKind.STYLE_EVALUATED)
    assert event.body == {
        "package_digest": STYLE.package_digest, "evaluation": kept.ordinal, "gates": GATES,
        "golden": GOLDEN, "passed": False, "failures": ["speed", "ssim_eighth"],
    }  # fmt: skip


def test_the_newest_evaluation_comes_first(database: Database) -> None:
    first, second = evaluate(database, STYLE, "speed"), evaluate(database)
    assert [each.ordinal for each in evaluations.of_version(database, "risograph", 1)] == [
        second.ordinal, first.ordinal,
    ]  # fmt: skip
    with database.read() as connection:
        assert evaluations.newest(connection, STYLE) == second


def test_a_report_without_bounds_is_not_kept(database: Database) -> None:
    huge = NewEvaluation(STYLE, GATES, digest("golden"), (), {"pictures": ["x" * 1000] * 1001})
    with pytest.raises(UsageError, match="at most 1000000"):
        evaluations.record(database, huge, "ada")
    assert evaluations.of_version(database, "risograph", 1) == ()
