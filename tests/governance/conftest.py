"""Databases for tests, on both dialects, and a small world of items to put into them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governance.db import Database
from tests import postgres
from tests.governance.world import start_run


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    with postgres.server() as found:
        if isinstance(found, str):
            pytest.skip(found)
        yield found


@pytest.fixture(scope="session")
def migrated_template(postgres_server: postgres.PostgresServer) -> Iterator[str]:
    with postgres_server.database() as url:
        Database.open(url).close()
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a database may be made; nothing is there yet."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'records.db'}"
    else:
        with request.getfixturevalue("postgres_server").database() as url:
            yield url


@pytest.fixture
def database_url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with the current schema, by its address."""
    if dialect == "sqlite":
        url = f"sqlite:///{tmp_path / 'records.db'}"
        Database.open(url).close()
        yield url
    else:
        template = request.getfixturevalue("migrated_template")
        with request.getfixturevalue("postgres_server").database(template) as url:
            yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database with the current schema."""
    opened = Database.open(database_url)
    yield opened
    opened.close()


@pytest.fixture
def open_again(database_url: str) -> Iterator[Callable[[], Database]]:
    """Opens the same database once more, as another process would."""
    opened: list[Database] = []

    def again() -> Database:
        opened.append(Database.open(database_url))
        return opened[-1]

    yield again
    for each in opened:
        each.close()


@pytest.fixture
def run_id(database: Database) -> str:
    return start_run(database).run_id
