"""Legal holds: nothing in their scope is removed while they last, whatever a recall or a retention time says."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import Connection, insert, select, update

from governance import ledger
from governance.db import Database
from governance.errors import PolicyError, UsageError
from governance.events import EventKind, NewEvent, hold_subject
from governance.items import digest_range
from governance.plain_text import made_plain, require_plain, require_storable
from governance.tables.outputs import LEGAL_HOLDS, OUTPUTS, LegalHoldRow, OutputRow
from stylecore.data import Digest

_MAX_KEY_CHARS = 1024
_MAX_VERSION_DIGITS = 9


class HoldScope(StrEnum):
    ASSET = "asset"
    """A picture by its key, or by its sha256."""
    STYLE = "style"
    """A style by its name, or one version as NAME/VERSION."""
    CAMPAIGN = "campaign"
    LICENCE = "licence"
    """A licence or a consent, by its id."""
    OUTPUT = "output"
    """One published file, by its item's id or its sha256."""


class PublishedItem(Protocol):
    """Whatever speaks of a published file names the item that it is."""

    @property
    def item_id(self) -> Digest: ...


@dataclass(frozen=True, slots=True)
class Holdable:
    """What a published file can be held by."""

    item_id: Digest
    output_digest: Digest
    campaign: str
    style: str
    """As NAME/VERSION."""
    key: str
    asset_digest: Digest
    licences: frozenset[str]

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Holdable:
        style = f"{row['style_name']}/{row['style_version']}"
        licences = frozenset({row["style_licence"], row["asset_licence"], row["consent"]} - {""})
        return cls(
            row["item_id"],
            row["output_digest"],
            row["campaign"],
            style,
            row["key"],
            row["asset_digest"],
            licences,
        )


@dataclass(frozen=True, slots=True)
class Hold:
    """Somebody's order to keep things as they are. ``review_on`` is when it has to be looked at again."""

    hold_id: str
    scope: HoldScope
    of: str
    why: str
    placed_by: str
    placed_at: datetime
    review_on: date | None = None
    released_by: str | None = None
    released_at: datetime | None = None

    def covers(self, held: Holdable) -> bool:
        match self.scope:
            case HoldScope.ASSET:
                return self.of in (held.key, held.asset_digest)
            case HoldScope.STYLE:
                return self.of in (held.style, held.style.rpartition("/")[0])
            case HoldScope.CAMPAIGN:
                return self.of == held.campaign
            case HoldScope.LICENCE:
                return self.of in held.licences
            case HoldScope.OUTPUT:
                return self.of in (held.item_id, held.output_digest)


def scope_of(text: str) -> HoldScope:
    """The scope of that name."""
    try:
        return HoldScope(text)
    except ValueError:
        raise UsageError(f"a hold of {made_plain(text, 40)!r}", f"one of {', '.join(HoldScope)}") from None


def place(
    db: Database,
    scope: HoldScope,
    of: str,
    why: str,
    actor: str,
    *,
    review_on: date | None = None,
    now: datetime | None = None,
) -> Hold:
    """From now on nothing in the scope is removed. Holds of the same thing stand beside each other."""
    at = now or datetime.now(UTC)
    why = require_plain(why, "the reason", max_chars=500)
    actor = require_plain(actor, "who places it")
    hold = Hold(_new_id(at), scope, _checked(scope, of), why, actor, at, review_on)
    if review_on is not None and review_on <= at.date():
        raise UsageError(f"a hold to be looked at on {review_on}", f"a day after {at.date()}")
    with db.write() as connection:
        connection.execute(insert(LEGAL_HOLDS), _columns(hold))
        told = {"scope": scope, "of": hold.of, "why": why}
        told |= {} if review_on is None else {"review_on": review_on.isoformat()}
        ledger.append(connection, [NewEvent(EventKind.HOLD_PLACED, actor, hold_subject(hold.hold_id), told)], at=now)
    return hold


def release(db: Database, hold_id: str, actor: str, why: str, *, now: datetime | None = None) -> Hold:
    """It holds nothing any more. The id may be given by its beginning."""
    why = require_plain(why, "the reason", max_chars=500)
    actor = require_plain(actor, "who releases it")
    at = now or datetime.now(UTC)
    with db.write() as connection:
        hold = _single(connection, hold_id)
        if hold.released_at is not None:
            raise PolicyError(f"the hold {hold.hold_id} was released by {hold.released_by} already", "one that lasts")
        released = {"released_by": actor, "released_at": at}
        connection.execute(update(LEGAL_HOLDS).where(LegalHoldRow.hold_id == hold.hold_id).values(released))
        told = {"scope": hold.scope, "of": hold.of, "why": why}
        ledger.append(connection, [NewEvent(EventKind.HOLD_RELEASED, actor, hold_subject(hold.hold_id), told)], at=now)
        return _single(connection, hold.hold_id)


def every(db: Database, *, released_too: bool = False) -> tuple[Hold, ...]:
    """The holds that last, the oldest first."""
    with db.read() as connection:
        return _holds(connection, released_too)


def open_holds(connection: Connection) -> tuple[Hold, ...]:
    """The same, inside somebody's transaction."""
    return _holds(connection, released_too=False)


def holding(connection: Connection, output: PublishedItem) -> tuple[Hold, ...]:
    """The holds that forbid to remove this published file; empty when none does."""
    lasting = open_holds(connection)
    if not lasting:
        return ()
    row = connection.execute(select(OUTPUTS).where(OutputRow.item_id == output.item_id)).mappings().one_or_none()
    if row is None:
        return ()
    held = Holdable.of(row)
    return tuple(hold for hold in lasting if hold.covers(held))


def _checked(scope: HoldScope, of: str) -> str:
    """What a hold is of, in the one spelling of its kind."""
    if scope is HoldScope.OUTPUT:
        return _digest(of)
    if scope is HoldScope.ASSET:
        key = require_storable(of.strip(), "the asset", max_chars=_MAX_KEY_CHARS)
        if not key:
            raise UsageError("a hold of no asset", "the key of a picture, or its sha256")
        return key.lower() if _is_digest(key.lower()) else key
    of = require_plain(of, f"the {scope}")
    return _style(of) if scope is HoldScope.STYLE else of


def _digest(of: str) -> Digest:
    low, high = digest_range(of)
    if low != high:
        raise UsageError(f"a hold of {made_plain(of, 70)!r}", "the whole id of an item, or the whole sha256 of a file")
    return low


def _is_digest(text: str) -> bool:
    try:
        Digest(text)
    except ValueError:
        return False
    return True


def _style(of: str) -> str:
    name, slash, version = of.partition("/")
    is_number = version.isascii() and version.isdigit() and len(version) <= _MAX_VERSION_DIGITS
    if not name or (slash and not is_number):
        raise UsageError(f"the style {of[:80]!r}", "NAME, or NAME/VERSION such as dots/3")
    return f"{name}/{int(version)}" if slash else name


def _single(connection: Connection, hold_id: str) -> Hold:
    prefix = require_plain(hold_id, "the hold's id", max_chars=40)
    wanted = select(LEGAL_HOLDS).where(LegalHoldRow.hold_id.startswith(prefix, autoescape=True)).limit(2)
    rows = connection.execute(wanted).mappings().all()
    if len(rows) != 1:
        raise UsageError(
            f"{'no' if not rows else 'more than one'} hold has an id that begins {prefix!r}",
            "the id of one hold",
            "`restyle hold list` shows them",
        )
    return _hold(rows[0])


def _holds(connection: Connection, released_too: bool) -> tuple[Hold, ...]:
    wanted = select(LEGAL_HOLDS).order_by(LegalHoldRow.placed_at, LegalHoldRow.hold_id)
    if not released_too:
        wanted = wanted.where(LegalHoldRow.released_at.is_(None))
    return tuple(_hold(row) for row in connection.execute(wanted).mappings())


def _hold(row: Mapping[Any, Any]) -> Hold:
    return Hold(**{**row, "scope": HoldScope(row["scope"])})


def _columns(hold: Hold) -> dict[str, Any]:
    return {name: getattr(hold, name) for name in Hold.__slots__} | {"scope": str(hold.scope)}


def _new_id(at: datetime) -> str:
    return f"{at:%Y%m%d}-{secrets.token_hex(4)}"
