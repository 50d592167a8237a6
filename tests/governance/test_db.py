from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

import governance.migrations
from governance import ledger
from governance.db import Database
from governance.errors import WorkspaceError
from governance.events import EventKind, NewEvent
from governance.tables.base import SCHEMA_REVISION, Base

EVENT = NewEvent(EventKind.POLICY_CHANGED, "ada", "policy:default", {})


def test_the_migrations_make_exactly_the_tables_that_the_code_declares(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_code_expects_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(Path(governance.migrations.__file__).parent))
    assert scripts.get_heads() == [SCHEMA_REVISION]


def test_opening_a_current_database_imports_no_alembic_and_takes_milliseconds(database_url: str) -> None:
    program = (
        "import sys, time; from governance.db import Database; begun = time.perf_counter();"
        "Database.open(sys.argv[1]).close();"
        "print(time.perf_counter() - begun, 'alembic' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program, database_url], check=True, capture_output=True, text=True)
    seconds, alembic_imported = told.stdout.split()
    assert alembic_imported == "False"
    assert float(seconds) < 0.5


def test_many_may_open_a_new_database_at_once(empty_url: str) -> None:
    problems: list[Exception] = []

    def open_it() -> None:
        try:
            Database.open(empty_url).close()
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert ledger.head(Database.open(empty_url)).seq == 0


def test_a_schema_newer_than_the_code_is_refused(database: Database, database_url: str) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(WorkspaceError, match=r"schema 9999.*newer restyle"):
        Database.open(database_url)


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def write_and_fail() -> None:
        with database.write() as connection:
            ledger.append(connection, [EVENT])
            raise LookupError("something else went wrong")

    with pytest.raises(LookupError):
        write_and_fail()
    assert ledger.head(database).seq == 0


def test_a_reader_sees_one_moment(database: Database) -> None:
    counted = text("SELECT count(*) FROM events")
    with database.read() as connection:
        before = connection.execute(counted).scalar_one()
        with database.write() as writing:
            ledger.append(writing, [EVENT])
        assert connection.execute(counted).scalar_one() == before == 0


def test_writers_in_many_threads_take_turns(database: Database, open_again: Callable[[], Database]) -> None:
    def write_ten(db: Database) -> None:
        for _ in range(10):
            with db.write() as connection:
                ledger.append(connection, [EVENT])

    other = open_again()
    threads = [threading.Thread(target=write_ten, args=(db,)) for db in (database, other, database, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.verify(database) == ledger.Verified(40, ledger.head(database).hash)


def test_a_folder_that_does_not_exist_is_a_workspace_error(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"cannot be opened.*folder exists"):
        Database.open(f"sqlite:///{tmp_path / 'nowhere' / 'records.db'}")


def test_a_file_that_is_no_database_is_a_workspace_error(tmp_path: Path) -> None:
    (tmp_path / "records.db").write_bytes(b"these are my holiday notes, not a database" * 50)
    with pytest.raises(WorkspaceError, match="is not a database"):
        Database.open(f"sqlite:///{tmp_path / 'records.db'}")


def test_a_database_that_may_only_be_read_is_a_workspace_error(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    Database.open(f"sqlite:///{path}").close()
    read_only = Database.connect(f"sqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(WorkspaceError, match="may not be written"), read_only.write() as connection:
        ledger.append(connection, [EVENT])


def test_a_full_disk_is_a_workspace_error_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'records.db'}")
    with pytest.raises(WorkspaceError, match="disk is full"):
        _fill_up(database)
    assert ledger.verify(database) == ledger.Verified(0, ledger.GENESIS)


def _fill_up(database: Database) -> None:
    with database.write() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages + 4}"))
        ledger.append(connection, [NewEvent(EVENT.kind, "ada", "policy:x", {"text": "x" * 500})] * 1_000)


@pytest.mark.parametrize(
    "url", ["postgresql://restyle:hunter2@127.0.0.1:1/records", "postgresql://restyle:hunter2@no-such-host.invalid/r"]
)
def test_a_server_that_does_not_answer_is_told_soon_and_without_the_password(url: str) -> None:
    begun = time.monotonic()
    with pytest.raises(WorkspaceError, match="cannot be used") as told:
        Database.open(url)
    assert time.monotonic() - begun < 30
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_a_server_without_that_database_is_a_workspace_error(empty_url: str) -> None:
    missing = make_url(empty_url).set(database="restyle_missing").render_as_string(hide_password=False)
    with pytest.raises(WorkspaceError, match='"restyle_missing" does not exist'):
        Database.open(missing)


@pytest.mark.parametrize("url", ["mysql://a@b/c", "just some words", "", "sqlite"])
def test_another_kind_of_database_is_refused_by_name(url: str) -> None:
    with pytest.raises(WorkspaceError, match="expected sqlite"):
        Database.open(url)


def test_our_own_mistakes_keep_their_name(database: Database) -> None:
    with pytest.raises(DBAPIError), database.write() as connection:
        connection.execute(text("SELECT no_such_column FROM events"))
