"""Recall, verification, tracing and keys as people type them: answers, refusals, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import flows.cli
from flows.errors import EXIT_CODES
from flows.ledger_proof import take_checkpoint
from flows.shard import run_shard
from governance import items, ledger, people
from governance.items import ItemState
from governance.people import Role
from tests.flows.world import STYLE, World, photo, planned, waiting


class Command:
    """The command in this process, as ``main`` runs it."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._patch = capsys, monkeypatch

    def __call__(self, *words: str) -> tuple[int, str]:
        """The exit code, and everything that was said."""
        self._patch.setattr(sys, "argv", ["restyle", *words])
        self._capsys.readouterr()
        try:
            flows.cli.main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = self._capsys.readouterr()
        return code, said.out + said.err

    def json(self, *words: str) -> tuple[int, Any]:
        self._patch.setattr(sys, "argv", ["restyle", *words, "--json"])
        self._capsys.readouterr()
        try:
            flows.cli.main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, json.loads(self._capsys.readouterr().out)


@pytest.fixture
def restyle(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """A house with two published files, and somebody at its keys."""
    monkeypatch.setenv("RESTYLE_ACTOR", "olga")
    for number, key in enumerate(("cup.jpg", "boat.jpg")):
        world.add(key, photo(number))
    made = planned(world, world.campaign())
    list(run_shard(waiting(world), made))
    return Command(capsys, monkeypatch)


def test_a_recall_is_looked_at_applied_listed_and_lifted(restyle: Command, world: World) -> None:
    code, said = restyle("recall", "--style", STYLE)
    assert (code, "nothing was changed" in said) == (0, True)
    assert len(world.published()) == 2
    code, told = restyle.json("recall", "--style", STYLE)
    assert [each["state"] for each in told] == ["live", "live"]
    code, told = restyle.json("recall", "--style", STYLE, "--why", "the artist withdrew", "--apply")
    assert (code, told["counts"], told["ended"]) == (0, {"withdrawn": 2}, True)
    assert world.published() == {}
    code, listed = restyle.json("recall", "--list")
    assert [(each["recall_id"], each["why"]) for each in listed] == [(told["recall"], "the artist withdrew")]
    code, said = restyle("recall", "--recall", told["recall"], "--lift", "--why", "a new licence")
    assert (code, "lifted" in said) == (0, True)
    assert "lifted" in restyle("recall", "--list")[1]
    assert "nothing is live" in restyle("recall", "--style", STYLE)[1]


def test_a_recall_that_could_not_take_everything_back_ends_with_its_own_exit_code(
    restyle: Command, world: World
) -> None:
    (world.home / "restyled" / min(world.published())).write_bytes(b"somebody's own")
    code, said = restyle("recall", "--style", STYLE, "--why", "the artist withdrew", "--apply")
    assert code == EXIT_CODES["incomplete"]
    assert "1 changed, 1 withdrawn" in said
    assert "--apply` goes on with it" in said


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--style", "dots", "--licence", "L"),
        ("--style", "dots/x"),
        ("--recall", "nothing-like-it"),
        ("--style", "dots", "--apply"),
    ],
)
def test_a_recall_of_nothing_of_two_things_or_without_a_reason_is_refused(restyle: Command, words: Any) -> None:
    assert restyle("recall", *words)[0] == EXIT_CODES["usage"]


def test_who_has_no_such_role_recalls_and_revokes_nothing(restyle: Command, world: World) -> None:
    records = world.services.records
    people.grant(records, "ada", Role.ADMINISTRATOR, "ada")
    people.grant(records, "olga", Role.REVIEWER, "ada")
    code, said = restyle("recall", "--style", STYLE, "--why", "because", "--apply")
    assert (code, "olga may not recall" in said) == (EXIT_CODES["policy"], True)
    assert restyle("keys", "revoke", "abcd", "--why", "because")[0] == EXIT_CODES["policy"]
    assert len(world.published()) == 2
    assert {each.actor for each in ledger.page(records, kind="access:refused")} == {"olga"}


def test_files_folders_and_published_files_are_verified(restyle: Command, world: World) -> None:
    shelf = world.home / "restyled"
    picture = min(world.published())
    code, told = restyle.json("audit", "verify-file", str(shelf / picture))
    assert (code, told["verdict"], told["sidecar"], told["in_ledger"]) == (0, "good", "matches", True)
    code, said = restyle("audit", "verify-file", str(shelf / picture))
    assert (code, "intact" in said, "the ledger tells of it" in said) == (0, True, True)
    code, told = restyle.json("audit", "verify-file", str(shelf))
    assert (code, told["verdicts"]) == (0, {"good": 2})
    code, told = restyle.json("audit", "verify-outputs")
    assert (code, told["found"]) == (0, {"well": 2})
    (shelf / picture).write_bytes(photo(9))
    code, said = restyle("audit", "verify-outputs")
    assert (code, "changed" in said) == (EXIT_CODES["integrity"], True)
    code, told = restyle.json("audit", "verify-file", str(shelf))
    assert (code, told["verdicts"]) == (EXIT_CODES["integrity"], {"good": 1, "no-credentials": 1})


def test_a_picture_is_traced_and_a_strangers_is_not(restyle: Command, world: World, tmp_path: Path) -> None:
    picture = world.home / "restyled" / min(world.published())
    code, said = restyle("audit", "trace", str(picture))
    assert code == 0
    for word in ("was found by its bytes", "maria@brand.example", "approver", "boat.jpg", "policy"):
        assert word in said
    (tmp_path / "strange.jpg").write_bytes(photo(99))
    assert restyle("audit", "trace", str(tmp_path / "strange.jpg"))[0] == EXIT_CODES["usage"]


def test_one_event_is_proven_in_a_file_that_checks_itself(restyle: Command, world: World, tmp_path: Path) -> None:
    take_checkpoint(world.services)
    bundle = tmp_path / "event.zip"
    assert restyle("audit", "prove", "3", "--to", str(bundle))[0] == 0
    done = subprocess.run([sys.executable, "-I", "-S", str(bundle)], capture_output=True, text=True, check=False)
    assert (done.returncode, "PROVEN" in done.stdout) == (0, True)
    assert restyle("audit", "prove", "100000", "--to", str(bundle))[0] == EXIT_CODES["usage"]


def test_keys_are_listed_and_revoked_and_then_sign_nothing(restyle: Command, world: World) -> None:
    code, (known, *_) = restyle.json("keys", "list")
    assert (code, known["outputs"], known["revoked_at"]) == (0, 2, None)
    fingerprint = known["certificate"]["fingerprint"]
    code, said = restyle("keys", "revoke", fingerprint[:8], "--why", "the laptop was stolen")
    assert (code, "2 published files were signed with it" in said) == (0, True)
    assert "revoked on" in restyle("keys", "list")[1]


def test_the_nightly_audit_answers_with_one_when_something_is_wrong(restyle: Command, world: World) -> None:
    code, told = restyle.json("audit", "nightly")
    assert (code, told["well"]) == (0, True), told
    (world.home / "restyled" / min(world.published())).unlink()
    code, said = restyle("audit", "nightly", "--sample", "10")
    assert (code, "1 missing" in said) == (1, True)


def test_a_quarantined_item_is_tried_again_when_somebody_says_why(restyle: Command, world: World) -> None:
    world.add("letter.jpg", b"Dear colleagues,")
    made = planned(world, world.campaign())
    list(run_shard(waiting(world), made))
    records = world.services.records
    (item,) = items.page(records, states=(ItemState.QUARANTINED,))
    code, said = restyle("review", "requeue", item.item_id[:12], "--why", "the decoder was at fault")
    assert (code, "letter.jpg is planned again" in said) == (0, True)
    assert items.counts(records)[ItemState.PLANNED] == 1
    code, said = restyle("review", "requeue", item.item_id[:12], "--why", "once more")
    assert (code, "is planned, and stays so" in said) == (0, True)
