"""A run's beginning and end in the records, however it ends; and what to make of runs whose process is gone."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from flows.campaign import Campaign
from flows.errors import NotPermitted
from governance import policy_records, runs
from governance.db import Database
from governance.policy import Policy
from governance.runs import Run, RunState
from stylecore.data import RestyleError, canonical_json


def begin(records: Database, campaign: Campaign, actor: str, flow_run_id: str | None, policy: Policy) -> Run:
    """The run goes by this policy from here to its end; if it is another than before, the ledger tells of that."""
    policy_records.put_in_force(records, policy, actor)
    return runs.start(
        records,
        campaign=campaign.campaign,
        campaign_digest=campaign.digest,
        campaign_text=canonical_json(campaign.model_dump(mode="json")).decode(),
        actor=actor,
        host=socket.gethostname(),
        pid=os.getpid(),
        flow_run_id=flow_run_id,
        policy_digest=policy.digest,
    )


def require_its_policy(run: Run, policy: Policy) -> None:
    """One run, one policy. When another was put in force the run ends before its next shard, and the next run asks it.

    Going on by rules that somebody has replaced would let out what is forbidden now; changing them in the middle would
    leave a run of which nobody can say by which rules it went.
    """
    if run.policy_digest in (None, policy.digest):
        return
    raise NotPermitted(
        f"policy {policy.digest.short} was put in force while run {run.run_id} went by {str(run.policy_digest)[:12]}",
        "one policy for a whole run",
        "Nothing is lost: run the campaign again, and all that is left is asked of the new policy",
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
