"""Proof of the ledger as a compliance officer takes it: checkpoints, a whole rewrite, and a bundle to hand over."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.ledger_proof import export_bundle, signer, take_checkpoint, verify_ledger
from flows.settings import Settings
from flows.wiring import Services
from governance.checkpoints import Rewritten
from governance.db import Database
from governance.errors import IntegrityError
from governance.events import EventKind, NewEvent
from governance.ledger import Broken, Verified, append
from tests.governance.test_checkpoints import rewrite


@pytest.fixture
def services(tmp_path: Path) -> Services:
    opened = Services(Settings(home=tmp_path))
    tell(opened.records, 9)
    return opened


def tell(records: Database, count: int) -> None:
    for number in range(count):
        with records.write() as connection:
            append(connection, [NewEvent(EventKind.ITEM_PLANNED, "ada", f"item:{number}")])


def test_a_checkpoint_is_kept_outside_the_database_and_can_be_read_by_anyone(services: Services) -> None:
    take_checkpoint(services)

    note = (services.settings.workspace / "checkpoints" / "checkpoints" / "000000000009.note").read_text()

    assert note.startswith("restyle ledger\n9\n")
    assert signer(services).verifier.text_of(note)


def test_a_ledger_that_grew_agrees_with_its_checkpoints(services: Services) -> None:
    take_checkpoint(services)
    tell(services.records, 3)
    take_checkpoint(services)

    found, checkpoints = verify_ledger(services)

    assert isinstance(found, Verified)
    assert checkpoints == 2


def test_a_rewritten_ledger_is_found_by_the_note_that_its_owner_could_not_reach(services: Services) -> None:
    take_checkpoint(services)
    rewrite(services.records, changed=4)

    found, _ = verify_ledger(services)

    assert isinstance(found, Rewritten)
    with pytest.raises(IntegrityError, match="not intact"):
        take_checkpoint(services)


def test_notes_that_were_removed_outside_are_still_held_against_the_ledger_from_within(services: Services) -> None:
    take_checkpoint(services)
    shutil.rmtree(services.settings.workspace / "checkpoints" / "checkpoints")
    rewrite(services.records, changed=4)

    assert isinstance(verify_ledger(services)[0], Rewritten)


def test_a_ledger_that_was_put_back_to_an_older_copy_is_found(services: Services) -> None:
    copy = services.settings.workspace / "older.db"
    services.records.close()
    shutil.copy(services.settings.workspace / "ledger.db", copy)
    tell(services.records, 5)
    take_checkpoint(services)
    services.records.close()
    for stale in services.settings.workspace.glob("ledger.db*"):
        stale.unlink()
    shutil.copy(copy, services.settings.workspace / "ledger.db")

    found, _ = verify_ledger(Services(services.settings))

    assert isinstance(found, Broken)
    assert "a checkpoint knows 14 events" in found.what


def test_a_note_that_somebody_altered_is_an_error_and_not_ignored(services: Services) -> None:
    take_checkpoint(services)
    kept = services.settings.workspace / "checkpoints" / "checkpoints" / "000000000009.note"
    kept.write_text(kept.read_text().replace("\n9\n", "\n8\n"))

    with pytest.raises(IntegrityError, match="did not sign"):
        verify_ledger(services)


def test_the_bundle_of_one_subject_proves_itself(services: Services, tmp_path: Path) -> None:
    take_checkpoint(services)

    count, last = export_bundle(services, tmp_path / "bundle.zip", subject="item:3")
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(tmp_path / "bundle.zip"), str(signer(services).verifier)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (count, last.size) == (1, 9)
    assert done.returncode == 0, done.stdout
    assert "1 events, each in the ledger of 9 events" in done.stdout


def test_checkpoints_go_to_the_store_that_the_settings_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "other disk"
    monkeypatch.setenv("RESTYLE_CHECKPOINT_STORE", json.dumps({"kind": "folder", "path": str(elsewhere)}))
    services = Services(Settings(home=tmp_path / "home"))
    (tmp_path / "home").mkdir()
    tell(services.records, 2)

    take_checkpoint(services)

    assert [path.name for path in elsewhere.rglob("*.note")] == ["000000000002.note"]
