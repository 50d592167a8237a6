from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import update

from governance import approvals, ledger
from governance.approvals import ANY, ApprovalState, Terms
from governance.db import Database
from governance.errors import IntegrityError, PolicyError, UsageError
from governance.events import EventKind, NewEvent, style_subject
from governance.signed_notes import NoteSigner
from governance.tables.rights import STYLE_APPROVALS
from stylecore.data import StyleRef
from tests.governance.world import SIGNER, STYLE, approve, digest, evaluate, kinds, register

TERMS = Terms(
    licence_id="L-2025-17",
    licence_holder="Studio Vier",
    valid_until=date(2026, 6, 30),
    asset_classes=frozenset({"product", "landscape"}),
    channels=frozenset({ANY}),
    territories=frozenset({"DE", "AT"}),
)
SECOND = StyleRef("risograph", 2, digest("package two"))


@pytest.fixture
def database(database: Database) -> Database:
    """Both versions are registered by one person and have passed their gates."""
    for style in (STYLE, SECOND):
        register(database, style)
        evaluate(database, style)
    return database


def decisions(database: Database) -> list[EventKind]:
    before = {EventKind.STYLE_REGISTERED, EventKind.STYLE_EVALUATED}
    return [kind for kind in kinds(database) if kind not in before]


def test_an_approval_pins_the_package_digest_in_the_ledger(database: Database) -> None:
    approval = approve(database, STYLE, TERMS, "compliance")
    assert approvals.current(database, "risograph", 1) == approval
    assert (approval.style, approval.terms, approval.state) == (STYLE, TERMS, ApprovalState.APPROVED)
    (event,) = ledger.page(database, subject="style:risograph/1", kind=EventKind.STYLE_APPROVED)
    assert (event.kind, event.actor) == (EventKind.STYLE_APPROVED, "compliance")
    assert event.body["package_digest"] == STYLE.package_digest
    assert event.body["valid_until"] == "2026-06-30"


def test_policy_is_told_the_terms_and_whether_they_hold(database: Database) -> None:
    told = approve(database, STYLE, TERMS, "compliance").for_policy()
    assert (told.style, told.approved, told.licence, told.valid_until) == (STYLE, True, "L-2025-17", TERMS.valid_until)
    assert not approvals.retire(database, "risograph", 1, "compliance", "a newer one").for_policy().approved


def test_the_same_approval_again_changes_and_records_nothing(database: Database) -> None:
    first = approve(database, STYLE, TERMS, "compliance")
    assert approve(database, STYLE, TERMS, "somebody else") == first
    assert decisions(database) == [EventKind.STYLE_APPROVED]


def test_other_terms_replace_the_former_and_are_recorded(database: Database) -> None:
    approve(database, STYLE, TERMS, "compliance")
    longer = replace(TERMS, valid_until=None)
    approve(database, STYLE, longer, "compliance")
    (only,) = approvals.all_current(database)
    assert only.terms == longer
    assert decisions(database) == [EventKind.STYLE_APPROVED] * 2


def test_a_version_never_changes_its_bytes(database: Database) -> None:
    approve(database, STYLE, TERMS, "compliance")
    with pytest.raises(IntegrityError, match="Register the changed package as a new version"):
        approve(database, replace(STYLE, package_digest=digest("swapped")), TERMS, "compliance")


def test_the_style_without_a_version_is_the_one_approved_most_recently(database: Database) -> None:
    approve(database, SECOND, TERMS, "compliance")
    approve(database, STYLE, TERMS, "compliance")
    current = approvals.current(database, "risograph")
    assert current is not None
    assert current.style == STYLE
    assert len(approvals.all_current(database)) == 2


def test_a_style_nobody_approved_is_not_on_the_list(database: Database) -> None:
    assert approvals.current(database, "woodcut") is None
    assert approvals.current(database, "risograph", 3) is None


@pytest.mark.parametrize(("end", "kind"), [("retire", EventKind.STYLE_RETIRED), ("revoke", EventKind.STYLE_REVOKED)])
def test_a_withdrawn_style_is_off_the_list_at_once(database: Database, end: str, kind: EventKind) -> None:
    approve(database, STYLE, TERMS, "compliance")
    withdraw: Any = getattr(approvals, end)
    withdrawn = withdraw(database, "risograph", 1, "compliance", "the holder asked")
    assert approvals.current(database, "risograph") is None
    assert approvals.find(database, "risograph", 1) == withdrawn
    (event,) = ledger.page(database, subject=style_subject(STYLE), kind=kind)
    assert event.body == {"package_digest": STYLE.package_digest, "why": "the holder asked"}


def test_a_retired_style_may_be_approved_again_and_a_revoked_one_never(database: Database) -> None:
    approve(database, STYLE, TERMS, "compliance")
    approvals.retire(database, "risograph", 1, "compliance", "season over")
    approve(database, STYLE, TERMS, "compliance")
    approvals.revoke(database, "risograph", 1, "compliance", "stolen artwork")
    with pytest.raises(PolicyError, match="risograph v1 was revoked"):
        approve(database, STYLE, TERMS, "compliance")


def test_a_retired_style_can_still_be_revoked_but_not_the_other_way(database: Database) -> None:
    approve(database, STYLE, TERMS, "compliance")
    approvals.retire(database, "risograph", 1, "compliance", "season over")
    approvals.revoke(database, "risograph", 1, "compliance", "stolen artwork")
    with pytest.raises(PolicyError, match="is revoked; expected approved"):
        approvals.retire(database, "risograph", 1, "compliance", "again")


def test_what_was_never_approved_cannot_be_withdrawn(database: Database) -> None:
    with pytest.raises(PolicyError, match="not approved"):
        approvals.revoke(database, "woodcut", 1, "compliance", "why not")


@pytest.mark.parametrize("empty", ["asset_classes", "channels", "territories"])
def test_an_approval_for_nothing_is_no_approval(empty: str) -> None:
    nothing: dict[str, Any] = {empty: frozenset()}
    with pytest.raises(UsageError, match=f"no {empty}"):
        replace(TERMS, **nothing)


def test_two_approvers_at_once_approve_once(database: Database, open_again: Callable[[], Database]) -> None:
    begin = threading.Barrier(2)

    def say_yes(db: Database, who: str) -> None:
        begin.wait()
        approve(db, STYLE, TERMS, who)

    both = [threading.Thread(target=say_yes, args=(db, who)) for db, who in ((database, "a"), (open_again(), "b"))]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert decisions(database) == [EventKind.STYLE_APPROVED]


def test_rolling_back_returns_to_the_approval_before(database: Database) -> None:
    approve(database, STYLE, TERMS, "compliance")
    approve(database, SECOND, TERMS, "compliance")

    withdrawn, now = approvals.roll_back(database, "risograph", "ops", "banding on skies")

    assert (withdrawn.style, withdrawn.state, now.style) == (SECOND, ApprovalState.RETIRED, STYLE)
    assert approvals.current(database, "risograph") == now
    (event,) = ledger.page(database, subject=style_subject(SECOND), kind=EventKind.STYLE_ROLLED_BACK)
    assert (event.body["to_version"], event.body["why"]) == (1, "banding on skies")


@pytest.mark.parametrize("approved", [(), (STYLE,)])
def test_without_an_earlier_approval_there_is_nothing_to_roll_back_to(
    database: Database, approved: tuple[StyleRef, ...]
) -> None:
    for style in approved:
        approve(database, style, TERMS, "compliance")
    with pytest.raises(PolicyError, match="approved in no version"):
        approvals.roll_back(database, "risograph", "ops", "banding")
    assert len(approvals.all_current(database)) == len(approved)


def test_a_signed_approval_holds(database: Database) -> None:
    approvals.require_signed(database, approve(database, STYLE, TERMS, "compliance"), SIGNER.verifier)


@pytest.mark.parametrize(
    "changed",
    [
        {"package_digest": digest("swapped")}, {"valid_until": None}, {"territories": '["*"]'},
        {"approved_by": "the boss"}, {"licence_id": "CC0-1.0"}, {"approved_at": datetime(2040, 1, 1, tzinfo=UTC)},
    ],
)  # fmt: skip
def test_an_approval_changed_in_the_database_does_not_hold(database: Database, changed: dict[str, Any]) -> None:
    approve(database, STYLE, TERMS, "compliance")
    with database.write() as connection:
        connection.execute(update(STYLE_APPROVALS).values(**changed))
    found = approvals.find(database, "risograph", 1)
    assert found is not None
    with pytest.raises(IntegrityError, match=f"not what was signed, in {next(iter(changed)).split('_id')[0]}"):
        approvals.require_signed(database, found, SIGNER.verifier)


def test_a_row_put_back_after_a_revocation_does_not_hold(database: Database) -> None:
    approved = approve(database, STYLE, TERMS, "compliance")
    approvals.revoke(database, "risograph", 1, "compliance", "stolen artwork")
    with database.write() as connection:
        connection.execute(update(STYLE_APPROVALS).values(state="approved"))
    with pytest.raises(IntegrityError, match="last word on it is style:revoked"):
        approvals.require_signed(database, approved, SIGNER.verifier)


def test_an_approval_signed_with_another_key_does_not_hold(database: Database) -> None:
    other = NoteSigner("restyle", Ed25519PrivateKey.generate())
    approved = approve(database, STYLE, TERMS, "compliance", signer=other)
    with pytest.raises(IntegrityError, match="did not sign"):
        approvals.require_signed(database, approved, SIGNER.verifier)
    again = approve(database, STYLE, TERMS, "compliance")
    approvals.require_signed(database, again, SIGNER.verifier)


def test_an_approval_from_before_approvals_were_signed_can_be_given_again(database: Database) -> None:
    approve(database, STYLE, TERMS, "compliance")
    with database.write() as connection:
        ledger.append(connection, [NewEvent(EventKind.STYLE_APPROVED, "compliance", style_subject(STYLE), {})])
    standing = approvals.current(database, "risograph")
    assert standing is not None
    with pytest.raises(IntegrityError, match="not signed"):
        approvals.require_signed(database, standing, SIGNER.verifier)
    approvals.require_signed(database, approve(database, STYLE, TERMS, "compliance"), SIGNER.verifier)


def test_an_old_signature_told_again_does_not_hold(database: Database) -> None:
    approved = approve(database, STYLE, TERMS, "compliance")
    (event,) = ledger.page(database, kind=EventKind.STYLE_APPROVED)
    approvals.revoke(database, "risograph", 1, "compliance", "stolen artwork")
    with database.write() as connection:
        ledger.append(connection, [NewEvent(EventKind.STYLE_APPROVED, event.actor, event.subject, event.body)])
        connection.execute(update(STYLE_APPROVALS).values(state="approved"))
    with pytest.raises(IntegrityError, match="signed for another event"):
        approvals.require_signed(database, approved, SIGNER.verifier)
