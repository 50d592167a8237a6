"""One file for an auditor: events, the proofs that they are in the ledger, its checkpoints, and what checks all that.

The file is a zip that Python runs: ``python3 BUNDLE.zip``. It holds nothing of the product but the verifier.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from governance import checkpoints, ledger
from governance.checkpoints import Checkpoint
from governance.db import Database
from governance.errors import UsageError
from governance.events import Event
from governance.merkle import InMemory, consistency_proof, inclusion_proof, leaf_hash
from governance.signed_notes import NoteVerifier

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The same bundle of the same events: a zip would otherwise tell when it was made."""

_README = """Events of a restyle ledger, with proof.

    python3 {name}              checks that everything hangs together
    python3 {name} VERIFIER     and that it was signed by the key you were given

events.jsonl    one event a line, as it was hashed
proofs.json     for each event, that it is in the last checkpoint's tree (RFC 6962 audit paths);
                for each earlier checkpoint, that the last one extends it
checkpoints/    signed notes (C2SP tlog-checkpoint)
verifier.txt    the key that signed them, as the sender names it
__main__.py     what checks all this; it needs nothing but Python's standard library
"""


def write_bundle(
    db: Database, events: Iterable[Event], notes: Sequence[str], verifier: NoteVerifier, path: Path
) -> int:
    """Writes the bundle and says how many events are in it. Events after the last checkpoint are left out."""
    noted = sorted(((checkpoints.read(note, verifier), note) for note in notes), key=lambda each: each[0].size)
    if not noted:
        raise UsageError("no checkpoint to prove anything by", "at least one", "`restyle audit checkpoint` takes one")
    last = noted[-1][0]
    tree = InMemory([leaf_hash(digest) for digest in ledger.hashes(db, last.size)])
    covered = [event for event in events if event.seq <= last.size]
    proofs = {
        "inclusion": [_hex(inclusion_proof(tree, event.seq - 1, last.size)) for event in covered],
        "consistency": [_hex(consistency_proof(tree, each.size, last.size)) for each, _ in noted[:-1]],
    }
    partial = path.with_name(f".{path.name}.partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as bundle:
        _add(bundle, "README.txt", _README.format(name=path.name))
        _add(bundle, "events.jsonl", b"".join(ledger.spelled(event) + b"\n" for event in covered))
        _add(bundle, "proofs.json", json.dumps(proofs))
        _add(bundle, "verifier.txt", f"{verifier}\n")
        for checkpoint, note in noted:
            _add(bundle, note_name(checkpoint), note)
        _add(bundle, "__main__.py", (files("governance") / "bundle_verifier.py").read_bytes())
    partial.replace(path)
    return len(covered)


def note_name(checkpoint: Checkpoint) -> str:
    """Where a checkpoint is kept, here and on any shelf. Sorted by name, checkpoints are sorted by size."""
    return f"checkpoints/{checkpoint.size:012}.note"


def _hex(hashes: list[bytes]) -> list[str]:
    return [each.hex() for each in hashes]


def _add(bundle: zipfile.ZipFile, name: str, content: str | bytes) -> None:
    bundle.writestr(zipfile.ZipInfo(name, _LONG_AGO), content, zipfile.ZIP_DEFLATED)
