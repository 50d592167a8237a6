"""An approved item that cannot be published yet, since what has to go with it cannot be had now: it stays approved."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from governance.db import Database
from governance.events import EventKind, item_subject
from governance.items import ItemState, reasons_list
from governance.tables.work import EventRow
from governance.transitions import Move, move
from stylecore.data import Digest, Reason

UNAVAILABLE = "signing_unavailable"


@dataclass(frozen=True, slots=True)
class Withheld:
    """Not published and not refused: the next who publishes tries again."""

    item_id: Digest
    reason: Reason


def withhold(db: Database, actor: str, withheld: Withheld, *, run_id: str | None) -> bool:
    """The ledger learns of it once, however often it is tried in vain."""
    told = {"reasons": reasons_list([withheld.reason])}
    held = Move(withheld.item_id, ItemState.APPROVED, ItemState.APPROVED, EventKind.ITEM_PUBLISH_HELD, actor, told)
    with db.write() as connection:
        if _was_told_last(connection, withheld.item_id):
            return False
        return bool(move(connection, [held], run_id=run_id))


def _was_told_last(connection: Connection, item_id: Digest) -> bool:
    this = EventRow.subject == item_subject(item_id)
    last = select(EventRow.kind).where(this).order_by(EventRow.seq.desc()).limit(1)
    return connection.execute(last).scalar_one_or_none() == EventKind.ITEM_PUBLISH_HELD
