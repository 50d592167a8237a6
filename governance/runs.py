"""A run of a campaign: who started it where, what it planned, how it ended. Prefect shows runs; this is the record."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from governance import ledger
from governance.db import Database
from governance.errors import UsageError
from governance.events import EventKind, NewEvent, run_subject
from governance.items import ItemState
from governance.plain_text import made_plain, require_plain
from governance.planning import PlanPage
from governance.tables.work import RUNS, ItemRow, RunRow
from stylecore.data import Digest, canonical_json


class RunState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Run:
    """``counts`` says where the items it touched last stood when it ended; until then ask ``items.counts``."""

    run_id: str
    campaign: str
    campaign_digest: Digest
    campaign_text: str
    policy_digest: Digest | None
    actor: str
    host: str
    pid: int
    flow_run_id: str | None
    state: RunState
    started_at: datetime
    ended_at: datetime | None
    problem: str | None
    planned: PlanPage
    counts: Mapping[ItemState, int]


def start(
    db: Database,
    *,
    campaign: str,
    campaign_digest: Digest,
    campaign_text: str,
    actor: str,
    host: str,
    pid: int,
    flow_run_id: str | None = None,
    policy_digest: Digest | None = None,
) -> Run:
    """A run begins; the campaign's whole text is kept with it. ``flow_run_id`` is what the orchestrator calls it.

    ``policy_digest`` names the policy that it goes by, whatever is put in force meanwhile.
    """
    run = Run(
        run_id=_new_run_id(),
        campaign=require_plain(campaign, "the campaign's name"),
        campaign_digest=campaign_digest,
        campaign_text=campaign_text,
        policy_digest=policy_digest,
        actor=require_plain(actor, "the actor"),
        host=made_plain(host, 200),
        pid=pid,
        flow_run_id=flow_run_id,
        state=RunState.RUNNING,
        started_at=datetime.now(UTC),
        ended_at=None,
        problem=None,
        planned=PlanPage(),
        counts={},
    )
    told = {"campaign": run.campaign, "campaign_digest": campaign_digest, "host": run.host, "pid": pid}
    told |= {} if policy_digest is None else {"policy_digest": policy_digest}
    with db.write() as connection:
        connection.execute(insert(RUNS), _columns(run))
        ledger.append(connection, [NewEvent(EventKind.RUN_STARTED, run.actor, run_subject(run.run_id), told)])
    return run


def finish(db: Database, run_id: str, actor: str) -> Run:
    return _end(db, run_id, actor, RunState.FINISHED, EventKind.RUN_FINISHED, None)


def fail(db: Database, run_id: str, actor: str, problem: str) -> Run:
    """The run as a whole broke off, with what a person would be told."""
    return _end(db, run_id, actor, RunState.FAILED, EventKind.RUN_FAILED, problem)


def reconcile(db: Database, actor: str, is_alive: Callable[[Run], bool]) -> tuple[Run, ...]:
    """Runs that call themselves running but whose process is gone are said to be interrupted; which ones, it tells."""
    ghosts = [run for run in _listed(db, RunRow.state == RunState.RUNNING, limit=1_000) if not is_alive(run)]
    ended = (_try_end(db, run.run_id, actor, RunState.INTERRUPTED, EventKind.RUN_INTERRUPTED, None) for run in ghosts)
    return tuple(run for run in ended if run is not None)


def get(db: Database, prefix: str) -> Run:
    """The run of that id, or the only one whose id begins so."""
    found = _listed(db, RunRow.run_id.startswith(require_plain(prefix, "the run's id"), autoescape=True), limit=3)
    exact = [run for run in found if run.run_id == prefix.strip()]
    if len(found) == 1 or exact:
        return (exact or list(found))[0]
    known = "more of its id: several begin so" if found else "the id of a run, or its beginning"
    raise UsageError(f"no single run {made_plain(prefix, 60)!r}", known, "`restyle runs` lists them.")


def latest(db: Database, *, campaign: str | None = None) -> Run | None:
    return next(iter(recent(db, campaign=campaign, limit=1)), None)


def recent(db: Database, *, campaign: str | None = None, limit: int = 50) -> tuple[Run, ...]:
    """The newest first."""
    conditions = [] if campaign is None else [RunRow.campaign == campaign]
    return _listed(db, *conditions, limit=limit)


def _new_run_id() -> str:
    """Sorts by time, is short to type from its end of the day on, and is never the same twice."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _end(db: Database, run_id: str, actor: str, state: RunState, kind: EventKind, problem: str | None) -> Run:
    ended = _try_end(db, run_id, actor, state, kind, problem)
    if ended is None:
        run = get(db, run_id)
        raise UsageError(f"run {run.run_id} is {run.state} already", "a running run")
    return ended


def _try_end(
    db: Database, run_id: str, actor: str, state: RunState, kind: EventKind, problem: str | None
) -> Run | None:
    problem = None if problem is None else made_plain(problem, 2_000)
    with db.write() as connection:
        counts = _counts(connection, run_id)
        values = {
            "state": str(state),
            "ended_at": datetime.now(UTC),
            "problem": problem,
            "counts": canonical_json(counts).decode(),
        }
        running = (RunRow.run_id == run_id, RunRow.state == RunState.RUNNING)
        if connection.execute(update(RUNS).where(*running).values(values)).rowcount != 1:
            return None
        told = {"counts": counts} if problem is None else {"counts": counts, "problem": problem}
        ledger.append(connection, [NewEvent(kind, actor, run_subject(run_id), told)])
        return _run(connection.execute(select(RUNS).where(RunRow.run_id == run_id)).mappings().one())


def _counts(connection: Connection, run_id: str) -> dict[str, int]:
    wanted = select(ItemRow.state, func.count()).where(ItemRow.touched_in_run == run_id).group_by(ItemRow.state)
    return dict(connection.execute(wanted).tuples().all())


def _listed(db: Database, *conditions: ColumnElement[bool], limit: int) -> tuple[Run, ...]:
    wanted = select(RUNS).where(*conditions).order_by(RunRow.started_at.desc(), RunRow.run_id.desc()).limit(limit)
    with db.read() as connection:
        return tuple(_run(row) for row in connection.execute(wanted).mappings())


def _columns(run: Run) -> dict[str, Any]:
    own = {name.name: getattr(run, name.name) for name in fields(Run) if name.name not in ("planned", "counts")}
    planned = {f"plan_{each.name}": getattr(run.planned, each.name) for each in fields(PlanPage)}
    return {**own, **planned, "state": str(run.state), "counts": None}


def _run(row: Mapping[Any, Any]) -> Run:
    own = {each.name: row[each.name] for each in fields(Run) if each.name not in ("planned", "counts")}
    planned = PlanPage(*(row[f"plan_{each.name}"] for each in fields(PlanPage)))
    counts = {ItemState(state): number for state, number in json.loads(row["counts"] or "{}").items()}
    return Run(**{**own, "state": RunState(row["state"])}, planned=planned, counts=counts)
