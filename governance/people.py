"""Who is who here, and in which roles. The first role given closes the workspace; the last administrator stays one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from governance import ledger
from governance.db import Database
from governance.errors import UsageError
from governance.events import EventKind, NewEvent, person_subject
from governance.names import folded
from governance.plain_text import made_plain, require_plain
from governance.tables.rights import PEOPLE, ROLES, PersonRow, RoleRow


class Role(StrEnum):
    OPERATOR = "operator"
    STYLE_OWNER = "style_owner"
    APPROVER = "approver"
    REVIEWER = "reviewer"
    COMPLIANCE = "compliance"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class PersonState(StrEnum):
    ACTIVE = "active"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may act here; who left keeps the name in the records, and no role."""

    name: str
    state: PersonState
    roles: frozenset[Role]
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is at this moment, and whether anybody at all has a role here."""

    roles: frozenset[Role]
    anyone: bool


def add(db: Database, name: str, actor: str) -> Person:
    """Makes somebody known, or welcome again. The same again changes and records nothing."""
    name, actor = _name(name), require_plain(actor, "who adds them")
    with db.write() as connection:
        _add(connection, name, actor)
        return _known(connection, name)


def grant(db: Database, name: str, role: Role, actor: str) -> Person:
    """Gives a role. The first one of a workspace has to be an administrator's: nobody could give out others."""
    name, actor = _name(name), require_plain(actor, "who grants it")
    with db.write() as connection:
        if role is not Role.ADMINISTRATOR and not _someone_is(connection, Role.ADMINISTRATOR):
            raise UsageError(
                f"the role {role} before anybody is administrator",
                "an administrator first",
                "`restyle people add NAME --role administrator` names one",
            )
        _add(connection, name, actor)
        if role not in _known(connection, name).roles:
            row = {"folded": folded(name), "role": str(role), "granted_by": actor, "granted_at": datetime.now(UTC)}
            connection.execute(insert(ROLES), row)
            _tell(connection, EventKind.ROLE_GRANTED, actor, name, {"role": role})
        return _known(connection, name)


def withdraw(db: Database, name: str, role: Role, actor: str) -> Person:
    with db.write() as connection:
        before = _known(connection, name)
        if role in before.roles:
            _keep_an_administrator(connection, before, {role})
            connection.execute(delete(ROLES).where(RoleRow.folded == folded(name), RoleRow.role == role))
            _tell(connection, EventKind.ROLE_WITHDRAWN, actor, before.name, {"role": role})
        return _known(connection, name)


def leave(db: Database, name: str, actor: str) -> Person:
    """Somebody left: every role is withdrawn, and the name stays in the records."""
    with db.write() as connection:
        before = _known(connection, name)
        if before.state is PersonState.ACTIVE:
            _keep_an_administrator(connection, before, before.roles)
            connection.execute(delete(ROLES).where(RoleRow.folded == folded(name)))
            this = update(PEOPLE).where(PersonRow.folded == folded(name))
            connection.execute(this.values(state=str(PersonState.LEFT)))
            _tell(connection, EventKind.PERSON_LEFT, actor, before.name, {"roles": sorted(before.roles)})
        return _known(connection, name)


def everyone(db: Database) -> tuple[Person, ...]:
    with db.read() as connection:
        rows = connection.execute(select(PEOPLE).order_by(PersonRow.folded)).mappings().all()
        roles = connection.execute(select(RoleRow.folded, RoleRow.role)).tuples().all()
    by_name: dict[str, set[Role]] = {}
    for name, role in roles:
        by_name.setdefault(name, set()).add(Role(role))
    return tuple(_as_person(row, frozenset(by_name.get(row["folded"], ()))) for row in rows)


def standing(db: Database, name: str) -> Standing:
    with db.read() as connection:
        anyone = connection.execute(select(RoleRow.folded).limit(1)).first() is not None
        return Standing(_roles(connection, name), anyone)


def _name(name: str) -> str:
    return " ".join(require_plain(name, "the person's name", max_chars=100).split())


def _add(connection: Connection, name: str, actor: str) -> None:
    row = connection.execute(select(PEOPLE).where(PersonRow.folded == folded(name))).mappings().one_or_none()
    if row is not None and row["state"] == PersonState.ACTIVE:
        return
    if row is None:
        new = {"folded": folded(name), "name": name, "state": str(PersonState.ACTIVE)}
        connection.execute(insert(PEOPLE), {**new, "added_by": actor, "added_at": datetime.now(UTC)})
    else:
        this = update(PEOPLE).where(PersonRow.folded == folded(name))
        connection.execute(this.values(state=str(PersonState.ACTIVE)))
    _tell(connection, EventKind.PERSON_ADDED, actor, name, {})


def _known(connection: Connection, name: str) -> Person:
    row = connection.execute(select(PEOPLE).where(PersonRow.folded == folded(name))).mappings().one_or_none()
    if row is None:
        raise UsageError(
            f"nobody named {made_plain(name, 60)!a}", "somebody who was added", "`restyle people list` shows them"
        )
    return _as_person(row, _roles(connection, name))


def _as_person(row: Mapping[Any, Any], roles: frozenset[Role]) -> Person:
    return Person(row["name"], PersonState(row["state"]), roles, row["added_at"])


def _roles(connection: Connection, name: str) -> frozenset[Role]:
    found = connection.execute(select(RoleRow.role).where(RoleRow.folded == folded(name)))
    return frozenset(Role(role) for role in found.scalars())


def _someone_is(connection: Connection, role: Role) -> bool:
    return connection.execute(select(RoleRow.folded).where(RoleRow.role == role).limit(1)).first() is not None


def _keep_an_administrator(connection: Connection, person: Person, losing: frozenset[Role] | set[Role]) -> None:
    if Role.ADMINISTRATOR not in losing:
        return
    count = connection.execute(select(func.count()).where(RoleRow.role == Role.ADMINISTRATOR)).scalar_one()
    if count < 2:
        raise UsageError(
            f"{made_plain(person.name, 60)} is the last administrator",
            "another administrator to be named first",
            "`restyle people grant NAME administrator`",
        )


def _tell(connection: Connection, kind: EventKind, actor: str, name: str, told: dict[str, Any]) -> None:
    ledger.append(connection, [NewEvent(kind, actor, person_subject(folded(name)), {"name": name, **told})])
