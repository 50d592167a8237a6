"""One database, two dialects, one rule: writers take turns.

A write transaction holds the pen from its first statement (``BEGIN IMMEDIATE`` on SQLite, an advisory lock on
PostgreSQL), because every one of them appends to one hash chain. So what a writer reads stays true until it commits,
two workers on one item cannot both win, and lock orders cannot deadlock. A read sees one moment, however long it lasts.
"""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Self

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, insert, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError

from governance.errors import GovernanceError, WorkspaceError
from governance.tables.base import SCHEMA_REVISION, Row

LOCK_TIMEOUT_S = 60
"""How long a SQLite writer waits for its turn. A turn lasts milliseconds; a minute means that somebody hangs."""

REACH_TIMEOUT_S = 10

_PEN = 7_267_583_917
"""The advisory lock that every writer on PostgreSQL takes; any number that nobody else uses."""

_OPEN_WRITE = {"sqlite": "BEGIN IMMEDIATE", "postgresql": f"SELECT pg_advisory_xact_lock({_PEN})"}
_OPEN_READ = {"sqlite": "BEGIN", "postgresql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"}


class Database:
    """Where the records are. Safe to share between threads; each ``write`` or ``read`` has a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = engine.dialect.name
        # SQLite's own waiting polls with growing sleeps; between threads of one process a lock hands over at once.
        self._turn: AbstractContextManager[Any] = threading.RLock() if self._dialect == "sqlite" else nullcontext()

    @classmethod
    def connect(cls, url: str) -> Self:
        """The database as it is, whatever its schema."""
        return cls(_engine(_parsed(url)))

    @classmethod
    def open(cls, url: str) -> Self:
        """The database, brought to the schema of this code. Opening a current one costs a few milliseconds."""
        database = cls.connect(url)
        database.migrate()
        return database

    @property
    def name(self) -> str:
        """How to speak of it to a person: never with its password."""
        return self._engine.url.render_as_string(hide_password=True)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may change things: all of it happens, or none. It holds the pen: keep it short."""
        with self._turn, self._transaction(_OPEN_WRITE[self._dialect]) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment and changes nothing."""
        with self._transaction(_OPEN_READ[self._dialect]) as connection:
            yield connection

    @contextmanager
    def _transaction(self, opening: str) -> Iterator[Connection]:
        with self._told(), self._engine.begin() as connection:
            connection.exec_driver_sql(opening)
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Breakages of the place are told as such; mistakes of our own keep their name."""
        try:
            yield
        except DBAPIError as problem:
            told = _workspace_error(problem, self.name)
            if told is None:
                raise
            raise told from problem

    def migrate(self) -> None:
        """Brings the schema to this code's. Alembic is only imported when there is something to do."""
        if self._revision() == SCHEMA_REVISION:
            return
        from governance.migrations.upgrade import upgrade

        with self.write() as connection:
            upgrade(connection, self.name)

    def _revision(self) -> str | None:
        with self._told(), self._engine.connect() as connection:
            if not self._engine.dialect.has_table(connection, "alembic_version"):
                return None
            found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
            return None if found is None else str(found)

    def close(self) -> None:
        self._engine.dispose()


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Many rows in few round trips. PostgreSQL's driver sends one statement a row unless something is returned."""
    if not rows:
        return
    statement = insert(table)
    if connection.dialect.name == "postgresql":
        connection.execute(statement.returning(next(iter(table.primary_key))), rows)
    else:
        connection.execute(statement, rows)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise _unknown_database("a database URL that cannot be read") from None
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+pg8000")
    if parsed.get_backend_name() == "sqlite":
        return parsed
    raise _unknown_database(f"a database of kind {parsed.get_backend_name()!r}")


def _unknown_database(got: str) -> WorkspaceError:
    return WorkspaceError(got, "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": LOCK_TIMEOUT_S}, pool_size=16, max_overflow=-1)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    _reach(url)
    try:
        return create_engine(url, pool_pre_ping=True, pool_size=4, max_overflow=-1)
    except (ImportError, NoSuchModuleError) as problem:
        raise WorkspaceError(
            "the PostgreSQL driver is not installed", "pg8000", "Install restyle with its 'postgres' extra."
        ) from problem


def _reach(url: URL) -> None:
    """A server that does not answer is found out in seconds; the driver would wait for minutes."""
    if "unix_sock" in url.query:
        return
    try:
        socket.create_connection((url.host or "localhost", url.port or 5432), timeout=REACH_TIMEOUT_S).close()
    except OSError as problem:
        raise _unreachable(url.render_as_string(hide_password=True), str(problem)) from problem


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by us, never behind our back by the driver
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # a commit that was reported survives a power cut
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")


_SQLITE_TOLD = {
    "unable to open database file": ("cannot be opened", "Check that its folder exists and may be written."),
    "readonly database": ("may not be written", "Check who owns the file and its folder."),
    "disk is full": ("cannot grow: the disk is full", "Make room; nothing half-done was kept."),
    "disk I/O error": ("cannot be read or written: the disk reports an error", "Check the disk and its free space."),
    "database is locked": ("is held by another process", "Wait for the other run, or end it, then try again."),
    "file is not a database": ("is not a database", "Choose another workspace, or move that file away."),
    "malformed": ("is damaged", "Restore it from a backup; `restyle audit verify` tells how far it is intact."),
}


def _workspace_error(problem: DBAPIError, name: str) -> GovernanceError | None:
    said = str(problem.orig)
    for sign, (told, next_step) in _SQLITE_TOLD.items():
        if sign in said:
            return WorkspaceError(f"the database {name} {told}", next_step=next_step)
    return _server_error(problem, name)


def _server_error(problem: DBAPIError, name: str) -> GovernanceError | None:
    """PostgreSQL says what is wrong by SQLSTATE class: the server, not the statement, is at fault in these."""
    told = next(_server_words(problem.orig), None)
    if told is None:
        return _unreachable(name, str(problem.orig)) if isinstance(problem, InterfaceError) else None
    state, message = str(told.get("C", "")), str(told.get("M", ""))
    at_fault = state[:2] in {"08", "28", "3D", "53", "57", "58"} or state in {"25006", "42501"}
    return _unreachable(name, message) if at_fault else None


def _server_words(problem: BaseException | None) -> Iterator[Mapping[str, object]]:
    """What the server said, also where the driver then stumbled over the connection that the server closed."""
    while problem is not None:
        if problem.args and isinstance(problem.args[0], dict):
            yield problem.args[0]
        problem = problem.__context__


def _unreachable(name: str, said: str) -> WorkspaceError:
    return WorkspaceError(f"the database {name} cannot be used: {said}", next_step="Check its address, user and state.")
