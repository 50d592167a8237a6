"""Evaluations: what a style version was measured to be, by which pictures, against which gates. Kept whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, insert, select

from governance import ledger
from governance.db import Database
from governance.errors import UsageError
from governance.events import EventKind, NewEvent, style_subject
from governance.plain_text import require_plain
from governance.tables.rights import EVALUATIONS, EvaluationRow
from stylecore.data import Digest, StyleRef, canonical_json

_MOST_REPORT_BYTES = 1_000_000
_MOST_LISTED = 100


@dataclass(frozen=True, slots=True)
class NewEvaluation:
    """What is to be kept. ``failures`` are the codes of what did not hold: none means that the version passed."""

    style: StyleRef
    gates: Digest
    golden: Digest
    failures: tuple[str, ...]
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation as it is kept; ``ordinal`` is its number in these records."""

    ordinal: int
    style: StyleRef
    gates: Digest
    golden: Digest
    passed: bool
    report: Mapping[str, Any]
    evaluated_by: str
    at: datetime


def record(db: Database, new: NewEvaluation, actor: str, *, now: datetime | None = None) -> Evaluation:
    """The evaluation and the event that tells of it, in one transaction."""
    actor = require_plain(actor, "who evaluates")
    report = canonical_json(new.report)
    if len(report) > _MOST_REPORT_BYTES:
        raise UsageError(
            f"a report of {len(report)} bytes", f"at most {_MOST_REPORT_BYTES}", "Use fewer golden pictures."
        )
    at, passed = now or datetime.now(UTC), not new.failures
    row = {
        "style_name": new.style.name,
        "style_version": new.style.version,
        "package_digest": new.style.package_digest,
        "gates_digest": new.gates,
        "golden_digest": new.golden,
        "passed": passed,
        "report": report.decode(),
        "evaluated_by": actor,
        "at": at,
    }
    with db.write() as connection:
        ordinal = int(connection.execute(insert(EVALUATIONS).returning(EvaluationRow.ordinal), row).scalar_one())
        kept = Evaluation(ordinal, new.style, new.gates, new.golden, passed, dict(new.report), actor, at)
        told = {**evidence(kept), "passed": passed, "failures": sorted(set(new.failures))}
        event = NewEvent(EventKind.STYLE_EVALUATED, actor, style_subject(new.style), told)
        ledger.append(connection, [event], at=at)
    return kept


def evidence(evaluation: Evaluation) -> dict[str, Any]:
    """How an event names it: by its number, and by what it measured and what was asked."""
    return {
        "package_digest": evaluation.style.package_digest,
        "evaluation": evaluation.ordinal,
        "gates": evaluation.gates,
        "golden": evaluation.golden,
    }


def newest(connection: Connection, style: StyleRef) -> Evaluation | None:
    """The last evaluation of this version, if it was one of exactly this package."""
    wanted = _of_version(style.name, style.version).where(EvaluationRow.package_digest == style.package_digest)
    row = connection.execute(wanted.limit(1)).mappings().one_or_none()
    return None if row is None else _evaluation(row)


def of_version(db: Database, name: str, version: int) -> tuple[Evaluation, ...]:
    """The evaluations of a version, the newest first."""
    with db.read() as connection:
        rows = connection.execute(_of_version(name, version).limit(_MOST_LISTED)).mappings()
        return tuple(_evaluation(row) for row in rows)


def _of_version(name: str, version: int) -> Select[Any]:
    wanted = select(EVALUATIONS).where(EvaluationRow.style_name == name, EvaluationRow.style_version == version)
    return wanted.order_by(EvaluationRow.ordinal.desc())


def _evaluation(row: Mapping[Any, Any]) -> Evaluation:
    return Evaluation(
        ordinal=row["ordinal"],
        style=StyleRef(row["style_name"], row["style_version"], row["package_digest"]),
        gates=row["gates_digest"],
        golden=row["golden_digest"],
        passed=row["passed"],
        report=json.loads(row["report"]),
        evaluated_by=row["evaluated_by"],
        at=row["at"],
    )
