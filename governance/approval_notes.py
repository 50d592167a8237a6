"""The signed text of an approval: whoever can write to the database still cannot allow a style in somebody's name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from governance.errors import IntegrityError, UsageError
from governance.events import EventKind, style_subject
from governance.signed_notes import NoteSigner, NoteVerifier
from governance.tables.work import EventRow, LedgerHeadRow
from stylecore.data import StyleRef, canonical_json

_HEADING = "restyle style approval"
_MOST_CHARS = 9_000
_DECISIONS = (
    EventKind.STYLE_APPROVED,
    EventKind.STYLE_RETIRED,
    EventKind.STYLE_REVOKED,
    EventKind.STYLE_ROLLED_BACK,
)


def signed(signer: NoteSigner, said: Mapping[str, Any]) -> str:
    """What is said in an approval, in its one spelling, as a note that anyone with the public key can check."""
    text = f"{_HEADING}\n{canonical_json(said).decode()}\n"
    if len(text) > _MOST_CHARS:
        raise UsageError(f"terms of {len(text)} characters", f"at most {_MOST_CHARS}", "Name fewer territories.")
    return signer.note(text)


def next_event(connection: Connection) -> int:
    """The number that the next event will have. It is signed too, or an old note could be told again."""
    return int(connection.execute(select(LedgerHeadRow.seq)).scalar_one()) + 1


def opened(note: str, verifier: NoteVerifier) -> dict[str, Any]:
    """What the note says, once its signature is checked."""
    heading, _, text = verifier.text_of(note).partition("\n")
    if heading != _HEADING:
        raise IntegrityError(f"a note headed {heading[:60]!r}", _HEADING, "Find out where it came from.")
    said: dict[str, Any] = json.loads(text)
    return said


def standing(connection: Connection, style: StyleRef, verifier: NoteVerifier) -> dict[str, Any]:
    """What the approval of this version says, if the last decision on it in the ledger was one, and it is signed."""
    these = (EventRow.subject == style_subject(style), EventRow.kind.in_(_DECISIONS))
    last = select(EventRow.seq, EventRow.kind, EventRow.body).where(*these).order_by(EventRow.seq.desc()).limit(1)
    found = connection.execute(last).one_or_none()
    if found is None or found.kind != EventKind.STYLE_APPROVED:
        told = "nothing" if found is None else found.kind
        raise _not_vouched_for(style, f"the ledger's last word on it is {told}")
    note = json.loads(found.body).get("note")
    if not isinstance(note, str):
        raise _not_vouched_for(style, "its approval in the ledger is not signed")
    said = opened(note, verifier)
    if said.get("event") != found.seq:
        raise _not_vouched_for(style, "its note was signed for another event")
    return said


def require_same(style: StyleRef, row_says: Mapping[str, Any], note_says: Mapping[str, Any]) -> None:
    """The present state has to be what was signed, in everything that both speak of."""
    other = sorted(name for name, value in row_says.items() if note_says.get(name) != value)
    if other:
        raise _not_vouched_for(style, f"its row is not what was signed, in {', '.join(other)}")


def _not_vouched_for(style: StyleRef, why: str) -> IntegrityError:
    return IntegrityError(
        f"the approval of {style} does not hold: {why}",
        "an approval signed with this workspace's key",
        f"Find out who changed the records; `restyle styles approve {style.name}` gives a new approval.",
    )
