from __future__ import annotations

import pytest

from governance import ledger, outcomes, runs
from governance.db import Database
from governance.errors import UsageError
from governance.events import EventKind, run_subject
from governance.items import ItemState
from governance.planning import PlanPage
from governance.runs import RunState
from tests.governance.world import ACTOR, FORBIDDEN, candidate, decided, digest, kinds, plan, start_run


def test_a_run_begins_with_its_campaign_as_it_was_and_an_event(database: Database) -> None:
    run = start_run(database, flow_run_id="prefect-1")
    assert runs.get(database, run.run_id) == run
    assert (run.state, run.campaign_text, run.flow_run_id) == (RunState.RUNNING, "name: spring\n", "prefect-1")
    (event,) = ledger.page(database, subject=run_subject(run.run_id))
    assert event.kind == EventKind.RUN_STARTED
    assert event.body["campaign_digest"] == digest("campaign")


def test_a_run_adds_up_what_its_pages_planned(database: Database) -> None:
    run = start_run(database)
    plan(database, run.run_id, candidate(1), candidate(2, refused=FORBIDDEN))
    plan(database, run.run_id, candidate(2), candidate(3))
    assert runs.get(database, run.run_id).planned == PlanPage(seen=4, new=2, refused_new=1, lifted=1)


def test_a_finished_run_keeps_where_its_items_stood(database: Database) -> None:
    run = start_run(database)
    plan(database, run.run_id, candidate(1), candidate(2, refused=FORBIDDEN))
    outcomes.record(database, run.run_id, ACTOR, [decided(candidate(1).item_id)])
    finished = runs.finish(database, run.run_id, ACTOR)
    assert finished.counts == {ItemState.APPROVED: 1, ItemState.REFUSED: 1}
    assert finished.ended_at is not None
    assert finished.ended_at >= finished.started_at
    assert runs.get(database, run.run_id) == finished
    assert kinds(database, run_subject(run.run_id)) == [EventKind.RUN_STARTED, EventKind.RUN_FINISHED]


def test_a_failed_run_says_what_a_person_was_told(database: Database) -> None:
    failed = runs.fail(database, start_run(database).run_id, ACTOR, "the store is gone\x1b[0m")
    assert (failed.state, failed.problem) == (RunState.FAILED, "the store is gone\ufffd[0m")
    assert kinds(database)[-1] is EventKind.RUN_FAILED


def test_a_run_ends_once(database: Database) -> None:
    run = start_run(database)
    runs.finish(database, run.run_id, ACTOR)
    with pytest.raises(UsageError, match="is finished already"):
        runs.fail(database, run.run_id, ACTOR, "too late")
    assert kinds(database) == [EventKind.RUN_STARTED, EventKind.RUN_FINISHED]


def test_runs_whose_process_is_gone_are_said_to_be_interrupted(database: Database) -> None:
    ghost, alive, ended = start_run(database, pid=1), start_run(database, pid=2), start_run(database, pid=3)
    runs.finish(database, ended.run_id, ACTOR)
    assert [run.run_id for run in runs.reconcile(database, ACTOR, lambda run: run.pid == 2)] == [ghost.run_id]
    states = [runs.get(database, run.run_id).state for run in (ghost, alive, ended)]
    assert states == [RunState.INTERRUPTED, RunState.RUNNING, RunState.FINISHED]
    assert runs.reconcile(database, ACTOR, lambda run: run.pid == 2) == ()
    assert kinds(database, run_subject(ghost.run_id))[-1] is EventKind.RUN_INTERRUPTED


def test_a_run_is_found_by_the_beginning_of_its_id(database: Database) -> None:
    run = start_run(database)
    assert runs.get(database, run.run_id[:-2]) == run


@pytest.mark.parametrize("prefix", ["2", "%", "_", "no-such-run", "\x1b"])
def test_a_run_that_is_not_one_run_is_not_found(database: Database, prefix: str) -> None:
    start_run(database)
    start_run(database)
    with pytest.raises(UsageError):
        runs.get(database, prefix)


def test_the_newest_runs_come_first(database: Database) -> None:
    assert runs.latest(database) is None
    first, second, other = start_run(database), start_run(database), start_run(database, campaign="summer")
    assert [run.run_id for run in runs.recent(database)] == [each.run_id for each in (other, second, first)]
    assert runs.latest(database, campaign="spring") == second
