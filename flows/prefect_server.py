"""A Prefect server that others can reach: yours, or one run beside this process for as long as it is needed.

The embedded server serves one process only. Schedules and the workers of a Ray cluster need one with an address.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

from flows.errors import WorkspaceError
from flows.settings import Settings, environment_of_server, use_prefect_at

_START_TIMEOUT_S = 120


@contextmanager
def prefect_server(settings: Settings) -> Iterator[None]:
    """Your own server where the settings name one, else one on loopback that keeps its state in the workspace."""
    if settings.prefect_api_url is not None:
        yield
        return
    port = _free_port()
    url = f"http://127.0.0.1:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, env=environment_of_server(url), stdout=quiet, stderr=quiet)  # noqa: S603
    try:
        _wait_until_healthy(server, url)
        use_prefect_at(url)
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
