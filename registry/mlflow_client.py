"""The one door to MLflow: imported late, kept quiet, never waiting for minutes, and its errors told as ours."""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry.errors import DiskFull, RegistryError
from stylecore.data import RestyleError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_ALWAYS = {
    # MLflow reads DO_NOT_TRACK only as the word "true"; "1" would let it report home.
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
_UNLESS_SET = {
    # MLflow's own defaults are 120 s and 7 retries: an absent server would hold a person up for minutes.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    # Progress is ours to show, and stdout is ours to answer on.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Otherwise it takes over the handlers of the alembic and sqlalchemy loggers, which are not its own.
    "MLFLOW_CONFIGURE_LOGGING": "false",
}
_DATABASE_ATTEMPTS = 3
_SCHEMES = ("sqlite:///", "postgresql://", "postgresql+", "mysql+", "mssql+", "http://", "https://")
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")


def connect(tracking_uri: str) -> MlflowClient:
    """A client of this one registry. No global MLflow state is touched, so threads may use several registries."""
    if not tracking_uri.startswith(_SCHEMES):
        raise RegistryError(
            f"no style registry can be at {without_secrets(tracking_uri)!r}",
            "an address like sqlite:////folder/mlflow.db, postgresql://… or http(s)://…",
            "Correct the registry address in the settings.",
        )
    os.environ.update(_ALWAYS)
    for name, value in _UNLESS_SET.items():
        os.environ.setdefault(name, value)
    with mlflow_errors_as_ours(tracking_uri, "open"):
        return _client(tracking_uri)


def _client(tracking_uri: str) -> MlflowClient:
    from mlflow.tracking import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    if not tracking_uri.startswith("http"):
        _wait_for_databases_briefly()
    return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)


def _wait_for_databases_briefly() -> None:
    """MLflow tries ten times, for 100 s, to open a database that is not there, and has no setting for it."""
    from mlflow.store.db import utils

    utils.MAX_RETRY_COUNT = _DATABASE_ATTEMPTS
    # It logs a traceback of every database error that it also raises, and the raised one is told.
    logging.getLogger(utils.__name__).setLevel(logging.CRITICAL)


@contextmanager
def mlflow_errors_as_ours(tracking_uri: str, doing: str) -> Iterator[None]:
    """Whatever MLflow, its database or the network throws becomes one ``RegistryError`` without credentials in it."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except RestyleError:
        raise
    except (MlflowException, SQLAlchemyError, OSError) as problem:
        if _tells_of_full_disk(problem):
            told = DiskFull(f"no room left to {doing}", "free space on the disk", "Make room, then try again.")
            raise told from problem
        lines = str(problem).strip().splitlines() or [type(problem).__name__]
        raise RegistryError(
            f"the style registry at {without_secrets(tracking_uri)} failed to {doing}: "
            f"{without_secrets(lines[0])[:300]}",
            "an MLflow registry that answers",
            "Check the registry address, that its server or database is up, and your access to it.",
        ) from problem


def _tells_of_full_disk(problem: BaseException | None) -> bool:
    """MLflow wraps what the disk says in sentences of its own, which would send a person looking elsewhere."""
    while problem is not None:
        if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if "No space left on device" in str(problem) or "disk is full" in str(problem):
            return True
        problem = problem.__cause__ or problem.__context__
    return False


def without_secrets(text: str) -> str:
    return _USER_INFO.sub("…@", text)
