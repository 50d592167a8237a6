"""What style versions were made from, frozen as it was when they were registered; and whether all of it may be used."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from governance.db import Database, insert_rows
from governance.licences import is_valid_on
from governance.plain_text import require_plain
from governance.tables.rights import LICENCES, STYLE_SOURCES, LicenceRow, StyleSourceRow
from stylecore.data import Digest, Reason, StyleRef

_MOST_CHARS = 2000
_IN_FORCE = "in force"


class Role(StrEnum):
    """What a source was to the style."""

    STYLE_IMAGE = "style image"
    TRAINING = "training data"
    WEIGHTS = "weights"
    """A network that was there before and went into this one."""
    PREVIEW = "preview"
    OTHER = "other"


_LEARNT_FROM = frozenset({Role.STYLE_IMAGE, Role.TRAINING})


@dataclass(frozen=True, slots=True)
class Source:
    """One ingredient of a style version: whose it is, and under which licence and consent it was used."""

    role: Role
    digest: Digest | None
    title: str
    source: str
    licence: str
    holder: str
    consent: str = ""

    def __post_init__(self) -> None:
        for name in ("title", "source", "licence", "holder"):
            require_plain(getattr(self, name), f"the {name} of a source", max_chars=_MOST_CHARS)
        require_plain(self.consent, "the consent of a source", max_chars=_MOST_CHARS, may_be_empty=True)


def record(connection: Connection, style: StyleRef, sources: Sequence[Source]) -> bool:
    """Keeps what the version was made from, once: ``False`` when that is on record already."""
    if of_version(connection, style):
        return False
    of_style = {
        "style_name": style.name,
        "style_version": style.version,
        "package_digest": style.package_digest,
    }
    insert_rows(connection, STYLE_SOURCES, [{**of_style, **asdict(each), "role": str(each.role)} for each in sources])
    return True


def recorded(db: Database, style: StyleRef) -> tuple[Source, ...]:
    """What this version of exactly this package was made from, in the order in which its maker told it."""
    with db.read() as connection:
        return of_version(connection, style)


def of_version(connection: Connection, style: StyleRef) -> tuple[Source, ...]:
    wanted = select(STYLE_SOURCES).where(
        StyleSourceRow.style_name == style.name,
        StyleSourceRow.style_version == style.version,
        StyleSourceRow.package_digest == style.package_digest,
    )
    rows = connection.execute(wanted.order_by(StyleSourceRow.ordinal)).mappings()
    return tuple(_source(row) for row in rows)


def shortcomings(connection: Connection, style: StyleRef, licence: str, on: date) -> tuple[Reason, ...]:
    """Why the rights in this version are not in order on that day; ``licence`` is the one it is to be used under."""
    sources = of_version(connection, style)
    named = {licence, *(each.licence for each in sources), *(each.consent for each in sources if each.consent)}
    return (*_unnamed(sources), *_ended(connection, named, on), *_not_for_training(connection, sources))


def _unnamed(sources: Collection[Source]) -> Iterator[Reason]:
    roles = {each.role for each in sources}
    if not sources:
        yield Reason("sources_unknown", "what it was made from is not on record")
        return
    if Role.STYLE_IMAGE not in roles:
        yield Reason("style_image_unnamed", "no source is named for the picture that stands for the style")
    if roles.isdisjoint({Role.TRAINING, Role.WEIGHTS}):
        yield Reason("training_unnamed", "no source is named for what it was trained on, or for its weights")


def _ended(connection: Connection, ids: Collection[str], on: date) -> Iterator[Reason]:
    wanted = select(LICENCES).where(LicenceRow.licence_id.in_(ids)).order_by(LicenceRow.licence_id)
    for row in connection.execute(wanted).mappings():
        name = row["licence_id"]
        if row["state"] != _IN_FORCE:
            yield Reason("licence_withdrawn", f"the licence {name} is {row['state']}")
        elif row["valid_from"] is not None and row["valid_from"] > on:
            yield Reason("licence_not_yet_valid", f"the licence {name} begins on {row['valid_from']:%Y-%m-%d}")
        elif not is_valid_on(row["valid_until"], on):
            yield Reason("licence_ended", f"the licence {name} ended on {row['valid_until']:%Y-%m-%d}")


def _not_for_training(connection: Connection, sources: Collection[Source]) -> Iterator[Reason]:
    learnt = {each.licence for each in sources if each.role in _LEARNT_FROM}
    wanted = select(LicenceRow.licence_id).where(LicenceRow.licence_id.in_(learnt), LicenceRow.ai_training.is_(False))
    for name in connection.execute(wanted.order_by(LicenceRow.licence_id)).scalars():
        yield Reason("licence_forbids_training", f"the licence {name} forbids training on what it covers")


def _source(row: Mapping[Any, Any]) -> Source:
    return Source(
        role=Role(row["role"]),
        digest=row["digest"],
        title=row["title"],
        source=row["source"],
        licence=row["licence"],
        holder=row["holder"],
        consent=row["consent"],
    )
