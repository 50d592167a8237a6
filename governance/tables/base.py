"""What every table stands on: how instants and digests are kept, and the names of constraints.

Instants are kept as text of one width (``2025-01-31T09:00:00.000000Z``) on every database: what the ledger digests
is then exactly what is stored, and text order is time order. JSON is kept as canonical text for the same reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, cast

from sqlalchemy import (
    BigInteger,
    Dialect,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, mapped_column

from stylecore.data import Digest

SCHEMA_REVISION = "0002"
"""The migration this code expects; a test holds it equal to the newest one in ``migrations/versions``."""


def instant_text(instant: datetime) -> str:
    if instant.tzinfo is None:
        raise ValueError(f"an instant without a time zone: {instant!r}")
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant_of(stored: str) -> datetime:
    return datetime.fromisoformat(stored)


class Instant(TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else instant_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        return None if value is None else instant_of(value)


class DigestText(TypeDecorator[Digest]):
    """A sha256; what comes out of the database is checked to be one."""

    impl = String(64)
    cache_ok = True

    def process_bind_param(self, value: Digest | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Digest | None:
        return None if value is None else Digest(value)


Counter = Annotated[int, mapped_column(BigInteger().with_variant(Integer, "sqlite"))]
Ordinal = Annotated[
    int, mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
]


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: Text(), datetime: Instant(), Digest: DigestText()}  # noqa: RUF012


def table_of(row: type[Base]) -> Table:
    return cast(Table, row.__table__)


Row = Mapping[str, object]
"""What goes into a bulk statement: column name to value."""
