"""A real PostgreSQL for tests: a throwaway cluster started from the installed binaries, or a server given by URL.

``RESTYLE_TEST_POSTGRES_URL`` names a server whose user may create databases. Without it, and without the binaries,
``server()`` yields the reason why there is none.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url

_NUMBERS = count(1)

_SETTINGS = (
    # Nothing here outlives the tests, so nothing waits for the disk.
    *("fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0"),
    # A vacuum that looks at the template holds up every CREATE DATABASE.
    *("autovacuum=off", "shared_buffers=64MB"),
)


class PostgresServer:
    """Hands out databases of its own making, and removes them."""

    def __init__(self, admin_url: URL) -> None:
        self._admin_url = admin_url
        self._engine = create_engine(admin_url, isolation_level="AUTOCOMMIT")

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """A fresh database, empty or like the template, for as long as the block lasts."""
        url = self.create_database(template)
        try:
            yield url
        finally:
            self._run(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')

    def create_database(self, template: str | None = None) -> str:
        name = f"restyle_test_{os.getpid()}_{next(_NUMBERS)}"
        like = "" if template is None else f' TEMPLATE "{make_url(template).database}"'
        self._run(f'CREATE DATABASE "{name}"{like}')
        return self._admin_url.set(database=name).render_as_string(hide_password=False)

    def close(self) -> None:
        self._engine.dispose()

    def _run(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql(statement)


@contextmanager
def server() -> Iterator[PostgresServer | str]:
    """A server, or the reason why there is none."""
    given = os.environ.get("RESTYLE_TEST_POSTGRES_URL")
    binaries = _binaries()
    if given:
        running = PostgresServer(make_url(given).set(drivername="postgresql+pg8000"))
        yield running
        running.close()
    elif binaries is None:
        yield "no PostgreSQL binaries are installed and RESTYLE_TEST_POSTGRES_URL is not set"
    else:
        with _cluster(binaries) as url:
            running = PostgresServer(url)
            yield running
            running.close()


def _binaries() -> Path | None:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    found = shutil.which("initdb")
    candidates = [*reversed(installed), *([Path(found).resolve().parent] if found else [])]
    return next((each for each in candidates if (each / "initdb").exists() and (each / "pg_ctl").exists()), None)


@contextmanager
def _cluster(binaries: Path) -> Iterator[URL]:
    """Reached by a socket in a folder that only its owner enters, so it needs neither a port nor a password."""
    folder = Path(tempfile.mkdtemp(prefix="restyle-pg-"))
    data, user = folder / "data", _server_user()
    if user is not None:
        shutil.chown(folder, user)
    settings = " ".join(f"-c {setting}" for setting in _SETTINGS) + f" -c listen_addresses='' -k {folder}"
    try:
        _as(user, folder, binaries / "initdb", "-D", data, "-U", "restyle", "-A", "trust", "-E", "UTF8", "--no-sync")
        _as(user, folder, binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", settings, "start")
        query = {"unix_sock": str(folder / ".s.PGSQL.5432")}
        yield URL.create("postgresql+pg8000", username="restyle", database="postgres", query=query)
    finally:
        if (data / "postmaster.pid").exists():
            _as(user, folder, binaries / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root: then somebody with fewer rights runs it."""
    if os.geteuid() != 0:
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def _as(user: str | None, folder: Path, *command: str | Path) -> None:
    groups: dict[str, object] = {} if user is None else {"group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    with (folder / "setup.log").open("ab") as log:
        subprocess.run(  # type: ignore[call-overload]
            [str(word) for word in command],
            check=True,
            cwd=folder,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            timeout=120,
            user=user,
            env={"LC_ALL": "C", "PATH": os.environ.get("PATH", "")},
            **groups,
        )
