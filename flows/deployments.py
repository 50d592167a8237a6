"""Schedules: each campaign with one becomes a Prefect deployment, kept by this process until it is stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from flows.campaign import Campaign
from flows.errors import UsageError, WorkspaceError
from flows.settings import Settings

_START_TIMEOUT_S = 120


def serve_campaigns(settings: Settings, campaigns: Sequence[Campaign]) -> None:
    """Keep the schedules until stopped. Without a Prefect server of your own, one is run beside it."""
    unscheduled = [each.campaign for each in campaigns if each.schedule is None]
    if unscheduled:
        raise UsageError(f"no schedule in {', '.join(unscheduled)}", "schedule: {cron: ...} in each campaign file")
    with _api(settings):
        from prefect import serve
        from prefect.client.schemas.schedules import CronSchedule

        from flows.restyle_library import restyle_library

        deployments: list[Any] = [
            restyle_library.to_deployment(
                name=each.campaign,
                description=each.description,
                parameters={"campaign": each.model_dump(mode="json")},
                schedules=[CronSchedule(cron=each.schedule.cron, timezone=each.schedule.timezone)],
                concurrency_limit=1,  # a run that takes longer than its interval is not overtaken by the next
            )
            for each in campaigns
            if each.schedule is not None
        ]
        serve(*deployments)


@contextmanager
def _api(settings: Settings) -> Iterator[None]:
    """A Prefect server to schedule with: yours, or one on loopback that keeps its state in the workspace."""
    if settings.prefect_api_url is not None:
        yield
        return
    port = _free_port()
    url = f"http://127.0.0.1:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    told = {**os.environ, "PREFECT_SERVER_UI_API_URL": url}  # else its pages look for the API at the default port
    server = subprocess.Popen(command, env=told, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        _wait_until_healthy(server, url)
        os.environ["PREFECT_API_URL"] = url
        yield
    finally:
        server.terminate()
        server.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(f"{url}/health", timeout=2):  # noqa: S310 - loopback
                return
        except (URLError, OSError):
            time.sleep(0.5)
    raise WorkspaceError("the Prefect server did not start", f"it within {_START_TIMEOUT_S} s", "`restyle doctor`")
