"""Proof of the ledger: checkpoints taken, kept outside the database, held against what the database says now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from flows.errors import UsageError
from flows.stores.base import Store
from flows.stores.errors import StoreConflict
from flows.wiring import Services
from governance import audit_bundle, certificates, checkpoints, ledger
from governance.audit_bundle import note_name
from governance.checkpoints import Checkpoint, Rewritten
from governance.errors import IntegrityError
from governance.events import Event, EventKind
from governance.ledger import Broken, Verified
from governance.signed_notes import NoteSigner
from stylecore.data import Digest

_PAGE = 1_000
_MAX_NOTE_BYTES = 10_000


def signer(services: Services) -> NoteSigner:
    """Whoever holds this key can vouch for the ledger; its public half is what auditors are given."""
    return services.note_signer


def take_checkpoint(services: Services) -> Checkpoint:
    """Signs what the ledger is now, if it still agrees with every checkpoint before, and keeps it in both places."""
    key = signer(services)
    certificates.note_used(services.records, certificates.of_key(key.verifier), services.settings.actor)
    note = checkpoints.take(services.records, key, services.settings.actor, _noted(services))
    taken = checkpoints.read(note, key.verifier)
    content = note.encode()
    try:
        services.checkpoint_shelf.put_new(
            note_name(taken), content, digest=Digest.of(content), media_type="text/plain", metadata={}
        )
    except StoreConflict as problem:
        raise IntegrityError(
            f"another checkpoint of {taken.size} events is kept already", "one checkpoint of a size", str(problem)
        ) from problem
    return taken


def verify_ledger(services: Services) -> tuple[Verified | Broken | Rewritten, int]:
    """What the chain and all checkpoints say, and how many checkpoints there are."""
    noted = _noted(services)
    return checkpoints.verify(services.records, noted), len({each.size for each in noted})


def export_bundle(
    services: Services, path: Path, subject: str | None = None, since: datetime | None = None
) -> tuple[int, Checkpoint]:
    """The events of a subject, or since a day, or all, with their proofs, in one file for an auditor."""
    notes = _notes(services)
    verifier = signer(services).verifier
    if not notes:
        raise UsageError("no checkpoint to prove anything by", "at least one", "`restyle audit checkpoint` takes one")
    found = (event for event in _events(services, subject) if since is None or event.at >= since)
    count = audit_bundle.write_bundle(services.records, found, notes, verifier, path)
    return count, max((checkpoints.read(note, verifier) for note in notes), key=lambda each: each.size)


def prove_event(services: Services, seq: int, path: Path) -> Checkpoint:
    """One event, with the proof that it is in the ledger of the newest checkpoint, in one file that checks itself."""
    verifier = signer(services).verifier
    noted = {checkpoints.read(note, verifier).size: note for note in _notes(services)}
    newest = max(noted, default=0)
    found = next(iter(ledger.page(services.records, after_seq=seq - 1, limit=1)), None)
    if found is None or found.seq != seq:
        raise UsageError(f"no event {seq}", "one that the ledger holds", "`restyle audit events` shows the latest")
    if seq > newest:
        raise UsageError(
            f"event {seq} is newer than the last checkpoint, which is of {newest} events",
            "one that a checkpoint covers",
            "`restyle audit checkpoint` takes one",
        )
    audit_bundle.write_bundle(services.records, [found], [noted[newest]], verifier, path)
    return checkpoints.read(noted[newest], verifier)


def _noted(services: Services) -> list[Checkpoint]:
    verifier = signer(services).verifier
    return [checkpoints.read(note, verifier) for note in _notes(services)]


def _notes(services: Services) -> list[str]:
    """Every note, from the ledger and from outside it: one that is gone from either place is still held against it."""
    told = [str(event.body.get("note")) for event in _events(services, kind=EventKind.LEDGER_CHECKPOINTED)]
    return sorted({*told, *_kept(services.checkpoint_shelf)})


def _kept(shelf: Store) -> Iterator[str]:
    for ref in shelf.list(("*.note", "**/*.note")):
        yield shelf.read(ref.key, _MAX_NOTE_BYTES).decode("utf-8", "replace")


def _events(services: Services, subject: str | None = None, kind: str | None = None) -> Iterator[Event]:
    after = 0
    while page := ledger.page(services.records, after_seq=after, subject=subject, kind=kind, limit=_PAGE):
        yield from page
        after = page[-1].seq
