"""What our runs are called in Prefect, and the end of those that cannot report it themselves."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Crashed


def current_flow_run_id() -> str | None:
    found = flow_run.get_id()
    return None if found is None else str(found)


def crash_flow_runs(flow_run_ids: Iterable[str | None]) -> None:
    """A driver that was killed leaves its run RUNNING for ever; whoever finds that out says so."""
    dead = [UUID(found) for found in flow_run_ids if found is not None]
    if not dead:
        return
    with get_client(sync_client=True) as client:
        for flow_run_id in dead:
            try:
                client.set_flow_run_state(flow_run_id, Crashed(message="the process was killed"), force=True)
            except ObjectNotFound:
                continue
