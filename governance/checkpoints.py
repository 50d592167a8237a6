"""Checkpoints: what the ledger was at a moment, signed, and kept where whoever owns the database cannot reach.

A checkpoint names the number of events and the root of their Merkle tree. A chain shows that a row was changed by
somebody who did not rewrite all that follows; a checkpoint shows it of somebody who did.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from governance import ledger
from governance.db import Database
from governance.errors import IntegrityError, UsageError
from governance.events import LEDGER_SUBJECT, EventKind, NewEvent
from governance.ledger import Broken, Verified
from governance.merkle import GrowingTree, leaf_hash
from governance.signed_notes import NoteSigner, NoteVerifier
from governance.tables.base import instant_of, instant_text
from stylecore.data import Digest

ORIGIN = "restyle ledger"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How many events there were, the root of their tree, and when somebody looked."""

    size: int
    root: Digest
    at: datetime

    @property
    def text(self) -> str:
        """As C2SP's tlog-checkpoint spells it, with the time as an extension line."""
        root = b64encode(bytes.fromhex(self.root)).decode()
        return f"{ORIGIN}\n{self.size}\n{root}\ntime {instant_text(self.at)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            origin, size, root, time, *rest = text.split("\n")
            if origin != ORIGIN or rest != [""] or not time.startswith("time ") or str(int(size)) != size:
                raise ValueError("its lines are others")
            parsed = cls(int(size), Digest(b64decode(root, validate=True).hex()), instant_of(time[5:]))
        except (ValueError, Base64Error) as problem:
            raise IntegrityError(
                "a checkpoint that is not one of a ledger of restyle", "origin, size, root, time"
            ) from problem
        return parsed


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The ledger is whole in itself, and is not the one that was checkpointed."""

    after_seq: int
    up_to_seq: int
    noted_at: datetime

    @property
    def what(self) -> str:
        return (
            f"rewritten: events {self.after_seq + 1} to {self.up_to_seq} are not those of the checkpoint of "
            f"{self.noted_at:%Y-%m-%d %H:%M:%S} UTC"
        )


def read(note: str, verifier: NoteVerifier) -> Checkpoint:
    """The checkpoint in a note, once its signature is checked."""
    return Checkpoint.parse(verifier.text_of(note))


def take(db: Database, signer: NoteSigner, actor: str, noted: Iterable[Checkpoint] = ()) -> str:
    """Signs what the ledger is now, and says so in the ledger. A ledger with anything wrong in it is not signed."""
    tree = GrowingTree()
    found = verify(db, noted, tree)
    if isinstance(found, Broken | Rewritten):
        raise IntegrityError(
            f"the ledger is not intact: {found.what}", "every event as it was written", "Find out who changed it first."
        )
    if not found.count:
        raise UsageError("the ledger holds no event yet", "something to checkpoint")
    checkpoint = Checkpoint(found.count, Digest(tree.root().hex()), datetime.now(UTC))
    note = signer.note(checkpoint.text)
    body = {"size": checkpoint.size, "root": checkpoint.root, "note": note, "verifier": str(signer.verifier)}
    with db.write() as connection:
        ledger.append(connection, [NewEvent(EventKind.LEDGER_CHECKPOINTED, actor, LEDGER_SUBJECT, body)])
    return note


def verify(
    db: Database, noted: Iterable[Checkpoint] = (), tree: GrowingTree | None = None
) -> Verified | Broken | Rewritten:
    """The chain, and the tree at the size of every checkpoint that somebody kept."""
    tree = GrowingTree() if tree is None else tree
    by_size = _by_size(noted)
    roots: dict[int, Digest] = {}

    def watch(digest: str) -> None:
        tree.append(leaf_hash(bytes.fromhex(digest)))
        if tree.size in by_size:
            roots[tree.size] = Digest(tree.root().hex())

    found = ledger.verify(db, watch)
    if isinstance(found, Broken):
        return found
    return _against_checkpoints(found, by_size, roots)


def _by_size(noted: Iterable[Checkpoint]) -> Mapping[int, Checkpoint]:
    kept: dict[int, Checkpoint] = {}
    for each in sorted(noted, key=lambda checkpoint: (checkpoint.size, checkpoint.at)):
        if kept.setdefault(each.size, each).root != each.root:
            raise IntegrityError(
                f"two checkpoints of {each.size} events that differ",
                "one history",
                "Whoever holds the key signed two ledgers: compare the copies.",
            )
    return kept


def _against_checkpoints(
    found: Verified, noted: Mapping[int, Checkpoint], roots: Mapping[int, Digest]
) -> Verified | Broken | Rewritten:
    last_good = 0
    for size in sorted(noted):
        if size > found.count:
            return Broken(found.count + 1, f"missing: a checkpoint knows {size} events, the ledger {found.count}")
        if roots[size] != noted[size].root:
            return Rewritten(last_good, size, noted[size].at)
        last_good = size
    return found
