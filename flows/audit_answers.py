"""Answers to the audit's questions for whoever may read the audit: a page to look at, or all of it to take along."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO

from flows.errors import UsageError, WorkspaceError
from flows.wiring import Services
from governance.authority import Act
from governance.queries.catalogue import ask, ask_all
from governance.queries.exports import Exported, Form, export, tell
from governance.queries.question import Answer

_IN_MEMORY_BYTES = 10_000_000


def answer(
    services: Services, actor: str, name: str, given: Mapping[str, str], *, limit: int, after: str | None = None
) -> Answer:
    """One page."""
    services.require(actor, Act.READ_AUDIT, name)
    return ask(services.records, name, given, today=_today(), limit=limit, after=after)


def take_along(
    services: Services, actor: str, name: str, given: Mapping[str, str], form: Form, out: IO[bytes]
) -> Exported:
    """The whole answer. The ledger is told before anything leaves, so that nothing leaves untold."""
    services.require(actor, Act.READ_AUDIT, name)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as written:
        exported = export(ask_all(services.records, name, given, today=_today()), form, written)
        tell(services.records, actor, name, given, form, exported)
        written.seek(0)
        shutil.copyfileobj(written, out)
    return exported


def take_along_as(
    services: Services, actor: str, name: str, given: Mapping[str, str], form: Form, path: Path
) -> Exported:
    """The same into a new file: one that is there already is somebody's, and stays."""
    try:
        with path.open("xb") as out:
            try:
                return take_along(services, actor, name, given, form, out)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
    except FileExistsError:
        raise UsageError(f"{path} exists already", "a file that is not there yet") from None
    except OSError as problem:
        raise WorkspaceError(f"{path} cannot be written: {problem.strerror}", "a place for the file") from problem


def _today() -> date:
    return datetime.now(UTC).date()
