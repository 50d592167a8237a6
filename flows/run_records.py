"""A run's beginning and end in the records, however it ends; and what to make of runs whose process is gone."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from flows.campaign import Campaign
from governance import runs
from governance.db import Database
from governance.runs import Run, RunState
from stylecore.data import RestyleError, canonical_json


def begin(records: Database, campaign: Campaign, actor: str, flow_run_id: str | None) -> Run:
    return runs.start(
        records,
        campaign=campaign.campaign,
        campaign_digest=campaign.digest,
        campaign_text=canonical_json(campaign.model_dump(mode="json")).decode(),
        actor=actor,
        host=socket.gethostname(),
        pid=os.getpid(),
        flow_run_id=flow_run_id,
    )


@contextmanager
def recorded(records: Database, run: Run) -> Iterator[None]:
    """Whatever ends the run is recorded. If even that fails, the first problem is the one that is told."""
    try:
        yield
    except BaseException as problem:
        told = str(problem) if isinstance(problem, RestyleError) else f"{type(problem).__name__}: {problem}"
        try:
            runs.fail(records, run.run_id, run.actor, told or "stopped")
        except RestyleError:
            raise problem from None
        raise
    runs.finish(records, run.run_id, run.actor)


def interrupted(records: Database, actor: str) -> tuple[Run, ...]:
    """Runs that were killed: they call themselves running, and their process is no more."""
    return runs.reconcile(records, actor, _is_alive)


def campaign_of(records: Database, run_id: str) -> Campaign:
    return Campaign.model_validate_json(runs.get(records, run_id).campaign_text)


def _is_alive(run: Run) -> bool:
    """Of another machine we cannot know, so it is believed."""
    if run.state is not RunState.RUNNING or run.host != socket.gethostname():
        return True
    if run.pid == os.getpid():
        return True
    try:
        os.kill(run.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
