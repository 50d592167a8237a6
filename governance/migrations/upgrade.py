"""Brings a database to the newest revision, inside the caller's transaction: it migrates whole or not at all."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from governance.errors import WorkspaceError


def upgrade(connection: Connection, name: str) -> None:
    config = _config(connection)
    found = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise WorkspaceError(
            f"the database {name} has schema {found}",
            f"one of {', '.join(sorted(known))}",
            "It was written by a newer restyle: use that one, or another workspace.",
        )
    command.upgrade(config, "head")


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
