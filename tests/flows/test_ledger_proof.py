"""Proof of the ledger as a compliance officer takes it: checkpoints, a whole rewrite, and a bundle to hand over."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from flows.errors import UsageError
from flows.ledger_proof import export_bundle, prove_event, signer, take_checkpoint, verify_ledger
from flows.settings import Settings
from flows.wiring import Services
from governance import certificates
from governance.checkpoints import Rewritten
from governance.db import Database
from governance.errors import IntegrityError, PolicyError
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

    note = (services.settings.workspace / "checkpoints" / "checkpoints" / "000000000010.note").read_text()

    assert note.startswith("restyle ledger\n10\n")
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
    assert "a checkpoint knows 15 events" in found.what


def test_a_note_that_somebody_altered_is_an_error_and_not_ignored(services: Services) -> None:
    take_checkpoint(services)
    kept = services.settings.workspace / "checkpoints" / "checkpoints" / "000000000010.note"
    kept.write_text(kept.read_text().replace("\n10\n", "\n8\n"))

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

    assert (count, last.size) == (1, 10)
    assert done.returncode == 0, done.stdout
    assert "1 events, each in the ledger of 10 events" in done.stdout


def proven(path: Path, *verifier: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(path), *verifier]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("seq", [1, 5, 10])
def test_any_single_event_proves_itself_against_the_newest_checkpoint(
    services: Services, tmp_path: Path, seq: int
) -> None:
    take_checkpoint(services)
    tell(services.records, 4)
    newest = take_checkpoint(services)
    bundle = tmp_path / "event.zip"
    assert prove_event(services, seq, bundle) == newest
    done = proven(bundle, str(signer(services).verifier))
    assert done.returncode == 0, done.stdout
    assert f"1 events, each in the ledger of {newest.size} events" in done.stdout


def test_a_single_event_that_was_altered_in_its_file_proves_nothing(services: Services, tmp_path: Path) -> None:
    take_checkpoint(services)
    prove_event(services, 3, tmp_path / "event.zip")
    with zipfile.ZipFile(tmp_path / "event.zip") as real, zipfile.ZipFile(tmp_path / "forged.zip", "w") as forged:
        for name in real.namelist():
            content = real.read(name)
            forged.writestr(name, content.replace(b"ada", b"eve") if name == "events.jsonl" else content)
    done = proven(tmp_path / "forged.zip")
    assert (done.returncode, "NOT PROVEN" in done.stdout) == (1, True)


def test_an_event_that_no_checkpoint_covers_or_that_never_was_cannot_be_proven(
    services: Services, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"newer than the last checkpoint, which is of 0 events"):
        prove_event(services, 1, tmp_path / "event.zip")
    take_checkpoint(services)
    with pytest.raises(UsageError, match="newer than the last checkpoint"):
        prove_event(services, 11, tmp_path / "event.zip")
    with pytest.raises(UsageError, match="no event 99"):
        prove_event(services, 99, tmp_path / "event.zip")
    assert not (tmp_path / "event.zip").exists()


def test_the_key_of_checkpoints_is_on_record_and_takes_none_once_it_is_revoked(services: Services) -> None:
    take_checkpoint(services)
    (known,) = certificates.all_used(services.records)
    assert known.certificate.purpose == "checkpoints"
    certificates.revoke(services.records, known.certificate.fingerprint, "olga", "it was copied")
    with pytest.raises(PolicyError, match="it was copied"):
        take_checkpoint(services)


def test_checkpoints_go_to_the_store_that_the_settings_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "other disk"
    monkeypatch.setenv("RESTYLE_CHECKPOINT_STORE", json.dumps({"kind": "folder", "path": str(elsewhere)}))
    services = Services(Settings(home=tmp_path / "home"))
    (tmp_path / "home").mkdir()
    tell(services.records, 2)

    take_checkpoint(services)

    assert [path.name for path in elsewhere.rglob("*.note")] == ["000000000003.note"]
