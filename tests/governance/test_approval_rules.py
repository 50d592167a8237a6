"""What an approval rests on: gates that were passed, rights in order, and somebody else's eyes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from governance import approvals, ledger, style_records, style_sources
from governance.approval_rules import BreakGlass, NotApprovable
from governance.approvals import ANY, Terms
from governance.db import Database
from governance.errors import UsageError
from governance.events import EventKind
from governance.style_sources import Role, Source
from governance.tables.rights import LICENCES
from stylecore.data import StyleRef
from tests.governance.world import GATES, SIGNER, SOURCES, STYLE, approve, digest, evaluate, kinds, register

_ANY = frozenset({ANY})
TERMS = Terms("L-2025-17", "Studio Vier", None, _ANY, _ANY, _ANY)
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
TODAY = NOW.date()
URGENT = BreakGlass("the launch is tonight", TODAY + timedelta(days=2))


def codes(refused: pytest.ExceptionInfo[NotApprovable]) -> set[str]:
    return {reason.code for reason in refused.value.reasons}


def licence(database: Database, licence_id: str, **changed: Any) -> None:
    row = {
        "licence_id": licence_id, "kind": "style", "holder": "Studio Vier", "evidence": "", "asset_classes": "[]",
        "channels": "[]", "territories": "[]", "exclusive": False, "attribution": "", "state": "in force",
        "recorded_by": "cora", "recorded_at": NOW,
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(LICENCES), {**row, **changed})


def test_the_approval_names_its_evidence(database: Database) -> None:
    register(database)
    evaluation = evaluate(database)
    approve(database, STYLE, TERMS, "compliance")
    (event,) = ledger.page(database, kind=EventKind.STYLE_APPROVED)
    assert (event.body["evaluation"], event.body["gates"], event.body["passed"]) == (evaluation.ordinal, GATES, True)
    assert event.body["set_aside"] == []


def test_a_style_that_nobody_evaluated_is_not_approved(database: Database) -> None:
    register(database)
    with pytest.raises(NotApprovable, match="restyle styles evaluate risograph --version 1") as refused:
        approve(database, STYLE, TERMS, "compliance")
    assert codes(refused) == {"not_evaluated"}
    assert approvals.find(database, "risograph", 1) is None


@pytest.mark.parametrize(
    ("failures", "made_with", "code"),
    [
        (("ssim_eighth",), {}, "gates_not_passed"),
        ((), {"gates": digest("lenient gates")}, "other_gates"),
        ((), {"golden": digest("easy pictures")}, "other_golden"),
    ],
)
def test_an_evaluation_counts_only_if_it_passed_the_gates_in_force(
    database: Database, failures: tuple[str, ...], made_with: dict[str, Any], code: str
) -> None:
    register(database)
    evaluate(database, STYLE, *failures, **made_with)
    with pytest.raises(NotApprovable) as refused:
        approve(database, STYLE, TERMS, "compliance")
    assert codes(refused) == {code}


def test_the_newest_evaluation_is_the_one_that_counts(database: Database) -> None:
    register(database)
    evaluate(database)
    evaluate(database, STYLE, "ssim_eighth")
    with pytest.raises(NotApprovable, match="did not pass"):
        approve(database, STYLE, TERMS, "compliance")
    evaluate(database)
    assert approve(database, STYLE, TERMS, "compliance").style == STYLE


def test_an_evaluation_of_another_package_of_that_number_does_not_count(database: Database) -> None:
    register(database)
    evaluate(database, replace(STYLE, package_digest=digest("other")))
    with pytest.raises(NotApprovable, match="has not been evaluated"):
        approve(database, STYLE, TERMS, "compliance")


@pytest.mark.parametrize("same", ["style-owner", "Style-Owner", "  STYLE-OWNER ", "\uff53tyle-owner"])
def test_whoever_registered_a_style_does_not_approve_it_however_they_spell_themselves(
    database: Database, same: str
) -> None:
    register(database)
    evaluate(database)
    with pytest.raises(NotApprovable, match="does not approve it") as refused:
        approve(database, STYLE, TERMS, same)
    assert codes(refused) == {"own_style"}


def test_a_package_whose_registration_the_ledger_does_not_know_is_not_approved(database: Database) -> None:
    register(database, replace(STYLE, package_digest=digest("other")))
    evaluate(database)
    with pytest.raises(NotApprovable) as refused:
        approve(database, STYLE, TERMS, "compliance")
    assert codes(refused) == {"sources_unknown", "not_registered"}


@pytest.mark.parametrize(
    ("sources", "code"),
    [(SOURCES[1:], "style_image_unnamed"), (SOURCES[:1], "training_unnamed"), ((), "sources_unknown")],
)
def test_every_ingredient_has_to_be_named(database: Database, sources: Any, code: str) -> None:
    register(database, sources=sources)
    evaluate(database)
    with pytest.raises(NotApprovable) as refused:
        approve(database, STYLE, TERMS, "compliance")
    assert codes(refused) == {code}


@pytest.mark.parametrize(
    ("licence_id", "changed", "code"),
    [
        ("studio", {"state": "withdrawn"}, "licence_withdrawn"),
        ("studio", {"valid_until": TODAY - timedelta(days=1)}, "licence_ended"),
        ("studio", {"valid_from": TODAY + timedelta(days=1)}, "licence_not_yet_valid"),
        ("studio", {"ai_training": False}, "licence_forbids_training"),
        ("L-2025-17", {"valid_until": date(2026, 1, 1)}, "licence_ended"),
        ("release-7", {"state": "withdrawn", "kind": "consent"}, "licence_withdrawn"),
    ],
)
def test_a_licence_on_record_has_to_hold_for_every_ingredient_and_for_the_style(
    database: Database, licence_id: str, changed: dict[str, Any], code: str
) -> None:
    register(database, sources=(*SOURCES, Source(Role.TRAINING, None, "a portrait", "x", "CC0", "Bo", "release-7")))
    evaluate(database)
    licence(database, licence_id, **changed)
    with pytest.raises(NotApprovable) as refused:
        approve(database, STYLE, TERMS, "compliance", now=NOW)
    assert codes(refused) == {code}


def test_a_licence_holds_on_its_last_day(database: Database) -> None:
    register(database)
    evaluate(database)
    licence(database, "studio", valid_from=TODAY, valid_until=TODAY)
    assert approve(database, STYLE, TERMS, "compliance", now=NOW).approved_by == "compliance"


def test_everything_that_stands_against_an_approval_is_told_at_once(database: Database) -> None:
    register(database, sources=SOURCES[:1])
    with pytest.raises(NotApprovable) as refused:
        approve(database, STYLE, TERMS, "style-owner")
    assert codes(refused) == {"training_unnamed", "not_evaluated", "own_style"}


def test_an_emergency_sets_gates_and_four_eyes_aside_and_ends_by_itself(database: Database) -> None:
    register(database)
    evaluate(database, STYLE, "ssim_eighth")
    approved = approve(database, STYLE, TERMS, "style-owner", emergency=URGENT, now=NOW)

    assert approved.terms.valid_until == URGENT.until
    assert kinds(database)[-2:] == [EventKind.BREAK_GLASS, EventKind.STYLE_APPROVED]
    (told,) = ledger.page(database, kind=EventKind.BREAK_GLASS)
    assert told.actor == "style-owner"
    assert told.body == {
        "why": "the launch is tonight", "until": "2026-03-03", "set_aside": ["gates_not_passed", "own_style"],
    }  # fmt: skip
    approvals.require_signed(database, approved, SIGNER.verifier)


def test_an_emergency_never_lengthens_a_licence(database: Database) -> None:
    register(database)
    short = replace(TERMS, valid_until=TODAY)
    assert approve(database, STYLE, short, "ada", emergency=URGENT, now=NOW).terms.valid_until == TODAY


def test_an_emergency_does_not_set_rights_aside(database: Database) -> None:
    register(database, sources=SOURCES[:1])
    with pytest.raises(NotApprovable, match="what it was trained on"):
        approve(database, STYLE, TERMS, "ada", emergency=URGENT, now=NOW)


def test_an_emergency_does_not_bring_back_what_was_revoked(database: Database) -> None:
    register(database)
    evaluate(database)
    approve(database, STYLE, TERMS, "compliance", now=NOW)
    approvals.revoke(database, "risograph", 1, "compliance", "stolen artwork")
    with pytest.raises(Exception, match="was revoked"):
        approve(database, STYLE, TERMS, "ada", emergency=URGENT, now=NOW)


@pytest.mark.parametrize("days", [-1, 8, 400])
def test_an_emergency_lasts_a_week_at_most(database: Database, days: int) -> None:
    register(database)
    long = BreakGlass("urgent", TODAY + timedelta(days=days))
    with pytest.raises(UsageError, match="2026-03-01 to 2026-03-08"):
        approve(database, STYLE, TERMS, "ada", emergency=long, now=NOW)


def test_an_emergency_has_a_reason() -> None:
    with pytest.raises(UsageError, match="why the glass is broken"):
        BreakGlass("  ", TODAY)


def test_what_was_approved_in_an_emergency_can_be_approved_properly(database: Database) -> None:
    register(database)
    approve(database, STYLE, TERMS, "ada", emergency=URGENT, now=NOW)
    evaluate(database)
    assert approve(database, STYLE, TERMS, "compliance").terms.valid_until is None


def test_a_registration_is_told_once_with_what_the_style_was_made_from(database: Database) -> None:
    second = StyleRef("risograph", 2, digest("package two"))
    assert style_records.record_registered(database, STYLE, SOURCES, "style-owner")
    assert not style_records.record_registered(database, STYLE, SOURCES, "somebody else")
    assert style_records.record_registered(database, second, SOURCES, "style-owner")
    assert kinds(database) == [EventKind.STYLE_REGISTERED] * 2
    assert style_sources.recorded(database, STYLE) == SOURCES


def test_a_finding_is_told_once_until_it_is_another_one(database: Database) -> None:
    def mismatch(found: str, run_id: str) -> bool:
        return style_records.record_mismatch(database, STYLE, found, "worker", run_id=run_id)

    assert mismatch("swapped", "r1")
    assert not mismatch("swapped", "r2")
    assert mismatch("gone", "r3")
    assert style_records.record_alias_moved(database, STYLE, "approved", 2, "auditor")
    assert not style_records.record_alias_moved(database, STYLE, "approved", 2, "auditor")
    first = ledger.page(database, kind=EventKind.STYLE_DIGEST_MISMATCH)[0]
    assert first.body == {"approved": STYLE.package_digest, "found": "swapped", "run": "r1"}


def test_a_finding_after_a_new_approval_is_a_new_one(database: Database, open_again: Callable[[], Database]) -> None:
    register(database)
    evaluate(database)
    assert style_records.record_mismatch(database, STYLE, "swapped", "worker")
    approve(database, STYLE, TERMS, "compliance")
    assert style_records.record_mismatch(open_again(), STYLE, "swapped", "worker")
