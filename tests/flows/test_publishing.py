"""Publishing what people have approved, and going on where an interruption left it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.approved_items import publish_approved
from flows.publishing import Publisher
from flows.shard import run_shard
from flows.stores.base import Put
from flows.stores.errors import StoreUnreachable
from flows.wiring import publisher
from governance import items, review
from governance.items import ItemState
from governance.provenance.verify import verify_sidecar
from governance.review import ReviewReason
from tests.flows.world import World, photo, planned, waiting


class _GoneShelf:
    """A destination that breaks off at the first write, as one whose network goes."""

    def put_new(self, *_: object, **__: object) -> Put:
        raise StoreUnreachable("the wire was cut")


def held_and_approved(world: World) -> Publisher:
    world.add("cup.jpg", photo(1))
    made = planned(world, world.campaign(least=2.0))
    list(run_shard(waiting(world), made))
    (item,) = review.queue(world.services.records)
    review.approve(world.services.records, item.item_id, "ann", ReviewReason.LOOKS_RIGHT)
    return made.publisher


def test_what_a_person_approved_is_published_with_their_name_in_the_statement(world: World) -> None:
    held_and_approved(world)
    (ended,) = publish_approved(world.services, "tester")
    assert ended.state == ItemState.PUBLISHED
    _check_sidecar(world)


def test_cut_off_between_signing_and_writing_the_same_bytes_and_statement_are_written_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signed statement names its reviewer already; going on must not add the review a second time."""
    made = held_and_approved(world)
    services = world.services
    ours = publisher(services, world.campaign(), "tester", made.run_id, services.policy)
    cut = replace(ours, shelf=_GoneShelf())  # type: ignore[arg-type]
    with monkeypatch.context() as patch:
        patch.setattr("flows.approved_items.publisher", lambda *_: cut)
        with pytest.raises(StoreUnreachable):
            list(publish_approved(world.services, "tester"))
    (signed,) = items.page(world.services.records, states=(ItemState.APPROVED,))
    assert signed.output_digest is not None

    (ended,) = publish_approved(world.services, "tester")

    assert ended.state == ItemState.PUBLISHED
    (published,) = items.page(world.services.records, states=(ItemState.PUBLISHED,))
    assert (published.output_digest, published.statement_digest) == (signed.output_digest, signed.statement_digest)
    _check_sidecar(world)


def _check_sidecar(world: World) -> None:
    ((key, content),) = world.published().items()
    sidecar = (world.home / "restyled" / f"{key}.restyle.json").read_bytes()
    proof = verify_sidecar(sidecar, content, [str(world.services.identity.anchor_pem)])
    assert proof.matches, proof.explanation
    assert proof.file.statement is not None
    assert proof.file.statement.review is not None
    assert proof.file.statement.review.reviewer == "ann"
