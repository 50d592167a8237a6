"""The one place where an item's state changes, and the ledger is told in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from governance import ledger
from governance.errors import IntegrityError
from governance.events import EventKind, NewEvent, item_subject
from governance.items import ItemState
from governance.tables.work import ITEMS, ItemRow
from stylecore.data import Digest


@dataclass(frozen=True, slots=True)
class Move:
    """From one state to another (or the same), with the columns that change and what the ledger shall say."""

    item_id: Digest
    origin: ItemState
    target: ItemState
    kind: EventKind
    actor: str
    told: Mapping[str, Any]
    columns: Mapping[str, Any] = field(default_factory=dict)


def move(
    connection: Connection, moves: Sequence[Move], *, run_id: str | None, also: Sequence[NewEvent] = ()
) -> frozenset[Digest]:
    """Moves those that still stand where their move begins, and tells which they were. ``also`` is told after them.

    The caller holds the pen, so what is read here stays true; the condition in the UPDATE guards it all the same.
    """
    standing = _states(connection, [each.item_id for each in moves])
    going: dict[Digest, Move] = {}
    for each in moves:
        if standing.get(each.item_id) == each.origin and each.item_id not in going:
            going[each.item_id] = each
    _update(connection, list(going.values()), run_id)
    ledger.append(connection, [*(_event(each, run_id) for each in going.values()), *also])
    return frozenset(going)


def _states(connection: Connection, item_ids: Sequence[Digest]) -> dict[Digest, str]:
    rows = connection.execute(select(ItemRow.item_id, ItemRow.state).where(ItemRow.item_id.in_(item_ids)))
    return dict(rows.tuples().all())


def _event(each: Move, run_id: str | None) -> NewEvent:
    told = dict(each.told) if run_id is None else {**each.told, "run": run_id}
    return NewEvent(each.kind, each.actor, item_subject(each.item_id), told)


def _update(connection: Connection, moves: Sequence[Move], run_id: str | None) -> None:
    """One statement for each set of columns, many rows each."""
    now = datetime.now(UTC)
    by_columns: dict[frozenset[str], list[dict[str, Any]]] = {}
    for each in moves:
        values = {**each.columns, "state": str(each.target), "updated_at": now}
        if run_id is not None:
            values["touched_in_run"] = run_id
        row = {**values, "the_item": each.item_id, "the_origin": str(each.origin)}
        by_columns.setdefault(frozenset(values), []).append(row)
    for names, rows in by_columns.items():
        _update_alike(connection, names, rows)


def _update_alike(connection: Connection, names: frozenset[str], rows: list[dict[str, Any]]) -> None:
    statement = (
        update(ITEMS)
        .where(ITEMS.c.item_id == bindparam("the_item"), ITEMS.c.state == bindparam("the_origin"))
        .values({name: bindparam(name) for name in sorted(names)})
    )
    changed = connection.execute(statement, rows).rowcount
    if changed not in (len(rows), -1):
        raise IntegrityError(
            f"{len(rows) - changed} of {len(rows)} items moved under a writer's hands",
            "nobody else to write meanwhile",
            "Nothing was changed. Is something else than restyle writing to this database?",
        )
