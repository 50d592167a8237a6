"""What left the house: one row for each published file, with the facts of that moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from governance import items, outcomes, outputs, review
from governance.db import Database
from governance.errors import UsageError
from governance.items import ItemState
from governance.outputs import Output
from governance.review import ReviewReason
from governance.tables.outputs import FINGERPRINT_BANDS, OUTPUTS
from stylecore.data import Digest, StyleRef
from tests.governance.world import (
    ACTOR,
    CERTIFICATE,
    FACTS,
    FORBIDDEN,
    STYLE,
    TERMS,
    candidate,
    decided,
    digest,
    item_standing,
    permitted,
    plan,
    publication,
    published,
    published_item,
    signed,
)


def output_of(db: Database, item_id: Digest) -> Output:
    found = outputs.of_item(db, item_id)
    assert found is not None
    return found


def test_a_published_item_has_an_output_with_everything_it_rested_on(database: Database, run_id: str) -> None:
    facts = replace(FACTS, shows_person=True, consent="release-7", consent_until=date(2026, 2, 3))
    item_id = published_item(database, run_id, 1, permitted(facts), has_mark=True, retain_until=date(2027, 1, 1))
    found = output_of(database, item_id)
    assert (found.item_id, found.run_id, found.published_by, found.asked_by) == (item_id, run_id, ACTOR, "brand-ops")
    assert (found.store, found.key, found.asset_digest) == ("library", "1.jpg", digest(1))
    assert (found.asset_class, found.asset_licence, found.rights_until) == ("product", "studio", date(2028, 1, 1))
    assert (found.shows_person, found.consent, found.consent_until) == (True, "release-7", date(2026, 2, 3))
    assert StyleRef(found.style_name, found.style_version, found.package_digest) == STYLE
    assert (found.style_licence, found.style_until) == ("house", date(2030, 1, 1))
    assert (found.channel, found.territory, found.destination) == ("web", "DE", "folder:out")
    assert (found.uri, found.media_type, found.size_bytes) == ("file:///out/1.jpg", "image/jpeg", 1234)
    assert (found.output_digest, found.statement_digest) == (digest(("output", 1)), digest("statement"))
    assert (found.policy_digest, found.certificate) == (digest("policy"), CERTIFICATE)
    assert (found.ai_label, found.stamped, found.inbound, found.has_mark) == (True, False, "none", True)
    assert (found.retain_until, found.reviews, found.is_live) == (date(2027, 1, 1), 0, True)
    assert found.checked_at is found.found is found.withdrawn_at is None


def test_what_the_asset_said_later_does_not_change_what_was_published(database: Database, run_id: str) -> None:
    """The row holds the facts of the moment of publishing, and not those of the plan."""
    item_id = published_item(database, run_id, 1, permitted(replace(FACTS, asset_class="landscape", licence=None)))
    found = output_of(database, item_id)
    assert (found.asset_class, found.asset_licence) == ("landscape", "")


def test_published_twice_there_is_one_output(database: Database, run_id: str) -> None:
    item_id = published_item(database, run_id)
    assert not outcomes.mark_published(database, ACTOR, [published(item_id, digest(("output", 1)))])
    assert len(outputs.page(database)) == 1


def test_what_is_not_published_has_no_output(database: Database, run_id: str) -> None:
    item_id = item_standing(database, run_id, "approve")
    outcomes.record_signed(database, ACTOR, [signed(item_id, digest("ours"))])
    assert not outcomes.mark_published(database, ACTOR, [published(item_id, digest("theirs"))])
    assert outputs.of_item(database, item_id) is None
    assert outputs.get(database, 1) is None


def test_an_output_that_cannot_be_kept_leaves_its_item_unpublished(database: Database, run_id: str) -> None:
    item_id = item_standing(database, run_id, "approve")
    outcomes.record_signed(database, ACTOR, [signed(item_id, digest("ours"))])
    with pytest.raises(DBAPIError):
        outcomes.mark_published(database, ACTOR, [published(item_id, digest("ours"), size_bytes=None)])
    item = items.get(database, item_id)
    assert item is not None
    assert item.state is ItemState.APPROVED


def test_the_certificate_is_that_of_the_signature_also_when_another_is_in_use_by_then(
    database: Database, run_id: str
) -> None:
    item_id = item_standing(database, run_id, "approve")
    outcomes.record_signed(database, ACTOR, [replace(signed(item_id, digest("ours")), certificate="a" * 64)])
    outcomes.record_signed(database, ACTOR, [replace(signed(item_id, digest("late")), certificate="b" * 64)])
    outcomes.mark_published(database, ACTOR, [published(item_id, digest("ours"))])
    assert output_of(database, item_id).certificate == "a" * 64


def test_of_several_styles_the_licence_is_the_firsts_and_the_end_the_earliest(database: Database, run_id: str) -> None:
    second = replace(TERMS, style=StyleRef("ink", 1, digest("package")), licence="guest", valid_until=date(2026, 5, 5))
    endless = replace(TERMS, valid_until=None)
    item_id = published_item(database, run_id, 1, permitted(terms=endless), permitted(terms=second))
    found = output_of(database, item_id)
    assert (found.style_licence, found.style_until) == ("house", date(2026, 5, 5))


def test_everyone_who_said_yes_to_what_is_published_is_counted(database: Database, run_id: str) -> None:
    item_id = item_standing(database, run_id, "review", approvals_needed=2)
    for reviewer in ("ann", "ben"):
        review.approve(database, item_id, reviewer, ReviewReason.LOOKS_RIGHT)
    outcomes.record_signed(database, ACTOR, [signed(item_id, digest("ours"))])
    outcomes.mark_published(database, ACTOR, [published(item_id, digest("ours"))])
    assert output_of(database, item_id).reviews == 2


def test_a_yes_to_an_earlier_rendition_is_none_to_one_that_nobody_looked_at(database: Database, run_id: str) -> None:
    item_id = item_standing(database, run_id, "review")
    review.approve(database, item_id, "ann", ReviewReason.LOOKS_RIGHT)
    outcomes.refuse_publishing(database, ACTOR, outcomes.Refused(item_id, FORBIDDEN))
    plan(database, run_id, candidate(1))  # the licence allows it again
    outcomes.record(database, run_id, ACTOR, [decided(item_id, "approve", bytes_of=1)])
    outcomes.record_signed(database, ACTOR, [signed(item_id, digest("ours"))])
    outcomes.mark_published(database, ACTOR, [published(item_id, digest("ours"))])
    assert output_of(database, item_id).reviews == 0
    assert not any(each.counts for each in review.reviews_of(database, item_id))


def test_the_perceptual_hash_is_kept_in_parts_so_that_it_can_be_found(database: Database, run_id: str) -> None:
    published_item(database, run_id, 1, fingerprint="0123456789abcdef")
    published_item(database, run_id, 2, fingerprint=None)
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(FINGERPRINT_BANDS)).scalar_one() == 4


def test_outputs_come_page_by_page_in_the_order_they_left(database: Database, run_id: str) -> None:
    ids = [published_item(database, run_id, number) for number in range(5)]
    first = outputs.page(database, limit=3)
    second = outputs.page(database, limit=3, after=first[-1].ordinal)
    assert [each.item_id for each in (*first, *second)] == ids
    assert outputs.get(database, first[0].ordinal) == first[0]
    assert [each.key for each in outputs.page(database, asset_digest=digest(3), state="live")] == ["3.jpg"]


def test_outputs_are_not_asked_for_by_what_no_index_knows(database: Database) -> None:
    with pytest.raises(UsageError, match="asset_digest"):
        outputs.page(database, credentials_why="anything")


def test_nothing_is_published_that_the_policy_was_not_asked_about() -> None:
    with pytest.raises(UsageError, match="nobody asked the policy"):
        replace(publication(), asked=())


def test_the_value_and_the_table_have_the_same_columns() -> None:
    assert set(Output.__slots__) == {column.name for column in OUTPUTS.columns}
