from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from governance import approvals, ledger
from governance.approvals import ANY, ApprovalState, Terms
from governance.db import Database
from governance.errors import IntegrityError, PolicyError, UsageError
from governance.events import EventKind, style_subject
from stylecore.data import StyleRef
from tests.governance.world import STYLE, digest, kinds

TERMS = Terms(
    licence_id="L-2025-17",
    licence_holder="Studio Vier",
    valid_until=date(2026, 6, 30),
    asset_classes=frozenset({"product", "landscape"}),
    channels=frozenset({ANY}),
    territories=frozenset({"DE", "AT"}),
)
SECOND = StyleRef("risograph", 2, digest("package two"))


def test_an_approval_pins_the_package_digest_in_the_ledger(database: Database) -> None:
    approval = approvals.approve(database, STYLE, TERMS, "compliance")
    assert approvals.current(database, "risograph", 1) == approval
    assert (approval.style, approval.terms, approval.state) == (STYLE, TERMS, ApprovalState.APPROVED)
    (event,) = ledger.page(database, subject="style:risograph/1")
    assert (event.kind, event.actor) == (EventKind.STYLE_APPROVED, "compliance")
    assert event.body["package_digest"] == STYLE.package_digest
    assert event.body["valid_until"] == "2026-06-30"


def test_policy_is_told_the_terms_and_whether_they_hold(database: Database) -> None:
    told = approvals.approve(database, STYLE, TERMS, "compliance").for_policy()
    assert (told.style, told.approved, told.licence, told.valid_until) == (STYLE, True, "L-2025-17", TERMS.valid_until)
    assert not approvals.retire(database, "risograph", 1, "compliance", "a newer one").for_policy().approved


def test_the_same_approval_again_changes_and_records_nothing(database: Database) -> None:
    first = approvals.approve(database, STYLE, TERMS, "compliance")
    assert approvals.approve(database, STYLE, TERMS, "somebody else") == first
    assert kinds(database) == [EventKind.STYLE_APPROVED]


def test_other_terms_replace_the_former_and_are_recorded(database: Database) -> None:
    approvals.approve(database, STYLE, TERMS, "compliance")
    longer = replace(TERMS, valid_until=None)
    approvals.approve(database, STYLE, longer, "compliance")
    (only,) = approvals.all_current(database)
    assert only.terms == longer
    assert kinds(database) == [EventKind.STYLE_APPROVED] * 2


def test_a_version_never_changes_its_bytes(database: Database) -> None:
    approvals.approve(database, STYLE, TERMS, "compliance")
    with pytest.raises(IntegrityError, match="Register the changed package as a new version"):
        approvals.approve(database, replace(STYLE, package_digest=digest("swapped")), TERMS, "compliance")


def test_the_style_without_a_version_is_the_one_approved_most_recently(database: Database) -> None:
    approvals.approve(database, SECOND, TERMS, "compliance")
    approvals.approve(database, STYLE, TERMS, "compliance")
    current = approvals.current(database, "risograph")
    assert current is not None
    assert current.style == STYLE
    assert len(approvals.all_current(database)) == 2


def test_a_style_nobody_approved_is_not_on_the_list(database: Database) -> None:
    assert approvals.current(database, "woodcut") is None
    assert approvals.current(database, "risograph", 3) is None


@pytest.mark.parametrize(("end", "kind"), [("retire", EventKind.STYLE_RETIRED), ("revoke", EventKind.STYLE_REVOKED)])
def test_a_withdrawn_style_is_off_the_list_at_once(database: Database, end: str, kind: EventKind) -> None:
    approvals.approve(database, STYLE, TERMS, "compliance")
    withdraw: Any = getattr(approvals, end)
    withdrawn = withdraw(database, "risograph", 1, "compliance", "the holder asked")
    assert approvals.current(database, "risograph") is None
    assert approvals.find(database, "risograph", 1) == withdrawn
    (event,) = ledger.page(database, subject=style_subject(STYLE), kind=kind)
    assert event.body == {"package_digest": STYLE.package_digest, "why": "the holder asked"}


def test_a_retired_style_may_be_approved_again_and_a_revoked_one_never(database: Database) -> None:
    approvals.approve(database, STYLE, TERMS, "compliance")
    approvals.retire(database, "risograph", 1, "compliance", "season over")
    approvals.approve(database, STYLE, TERMS, "compliance")
    approvals.revoke(database, "risograph", 1, "compliance", "stolen artwork")
    with pytest.raises(PolicyError, match="risograph v1 was revoked"):
        approvals.approve(database, STYLE, TERMS, "compliance")


def test_a_retired_style_can_still_be_revoked_but_not_the_other_way(database: Database) -> None:
    approvals.approve(database, STYLE, TERMS, "compliance")
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


def test_a_registration_is_told_once(database: Database) -> None:
    assert approvals.record_registered(database, STYLE, "style-owner")
    assert not approvals.record_registered(database, STYLE, "style-owner")
    assert approvals.record_registered(database, SECOND, "style-owner")
    assert kinds(database) == [EventKind.STYLE_REGISTERED] * 2


def test_a_package_that_is_not_what_was_approved_is_told(database: Database) -> None:
    approvals.record_mismatch(database, STYLE, digest("swapped"), "worker", run_id="r1")
    (event,) = ledger.page(database, kind=EventKind.STYLE_DIGEST_MISMATCH)
    assert event.body == {"approved": STYLE.package_digest, "found": digest("swapped"), "run": "r1"}


def test_two_approvers_at_once_approve_once(database: Database, open_again: Callable[[], Database]) -> None:
    begin = threading.Barrier(2)

    def approve(db: Database, who: str) -> None:
        begin.wait()
        approvals.approve(db, STYLE, TERMS, who)

    both = [threading.Thread(target=approve, args=(db, who)) for db, who in ((database, "a"), (open_again(), "b"))]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert kinds(database) == [EventKind.STYLE_APPROVED]
