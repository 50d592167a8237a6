"""The heart of one shard: eight steps, each asset for itself."""

from __future__ import annotations

import io
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from flows.ended import Ended
from flows.shard import run_shard
from flows.stores.spec import S3Spec
from governance import approvals, items, ledger
from governance.items import ItemState
from governance.ledger import Verified
from governance.provenance.statement import Statement
from governance.provenance.verify import verify_file
from stylecore.data import Digest
from tests.flows.world import STYLE, World, photo, planned, twin, waiting


def run(world: World, least: float = -1.0) -> dict[str, Ended]:
    """Plan and run one shard of everything."""
    made = planned(world, world.campaign(least))
    return {each.key: each for each in run_shard(waiting(world), made)}


def test_an_asset_within_every_bound_is_published_signed_and_recorded(world: World) -> None:
    world.add("cup.jpg", photo(1))
    assert run(world)["cup.jpg"].state == ItemState.PUBLISHED
    ((key, content),) = world.published().items()
    assert key.startswith(f"cup.{STYLE}.")
    proof = verify_file(content, [str(world.services.identity.anchor_pem)])
    assert proof.is_intact
    assert proof.is_trusted
    assert proof.statement is not None
    assert proof.statement.source.sha256 == Digest.of(photo(1))
    assert isinstance(ledger.verify(world.services.records), Verified)


def test_the_statement_lies_beside_the_picture_and_is_the_one_that_was_signed(world: World) -> None:
    world.add("cup.jpg", photo(1))
    run(world)
    ((key, content),) = world.published().items()
    sidecar = (world.home / "restyled" / f"{key}.restyle.json").read_bytes()
    assert verify_file(content).statement_digest == Statement.parse(sidecar).digest


def test_bad_neighbours_do_not_disturb_a_good_asset(world: World) -> None:
    world.add("good.jpg", photo(1))
    world.add("letter.jpg", b"Dear colleagues,")
    world.add("cut.jpg", photo(2)[:900])
    world.add("empty.png", b"")
    ended = run(world)
    assert Counter(each.state for each in ended.values()) == {ItemState.PUBLISHED: 1, ItemState.QUARANTINED: 3}
    assert {key: each.reasons[0].code for key, each in ended.items() if each.reasons} == {
        "letter.jpg": "not_an_image",
        "cut.jpg": "truncated",
        "empty.png": "not_an_image",
    }


def test_a_picture_below_its_bound_waits_for_a_person_with_its_original_beside_it(world: World) -> None:
    world.add("cup.jpg", photo(1))
    ended = run(world, least=2.0)["cup.jpg"]
    assert ended.state == ItemState.IN_REVIEW
    assert ended.reasons[0].code == "score_below_bound"
    assert world.services.staging.get(Digest.of(photo(1))) == photo(1)
    assert world.published() == {}


def test_alpha_is_carried_and_the_format_kept(world: World) -> None:
    image = Image.open(io.BytesIO(photo(3, kind="png"))).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    out = io.BytesIO()
    image.save(out, "PNG")
    world.add("cut-out.png", out.getvalue())
    run(world)
    ((key, content),) = world.published().items()
    assert key.endswith(".png")
    assert Image.open(io.BytesIO(content)).getchannel("A").tobytes() == image.getchannel("A").tobytes()


def test_a_style_revoked_after_planning_is_refused_at_the_next_asset(world: World) -> None:
    world.add("cup.jpg", photo(1))
    made = planned(world, world.campaign())
    approvals.revoke(world.services.records, STYLE, 1, "compliance", "the artist objects")
    (ended,) = run_shard(waiting(world), made)
    assert ended.state == ItemState.REFUSED
    assert "style_not_approved" in {reason.code for reason in ended.reasons}
    assert world.published() == {}


def test_an_asset_that_changed_after_planning_is_not_restyled_as_if_it_were_the_old_one(world: World) -> None:
    world.add("cup.jpg", photo(1))
    made = planned(world, world.campaign())
    (world.home / "library" / "cup.jpg").write_bytes(photo(2))
    (ended,) = run_shard(waiting(world), made)
    assert ended.state == ItemState.REFUSED
    assert ended.reasons[0].code == "asset_changed"


def test_the_same_asset_gives_the_same_bytes_whatever_its_neighbours(
    world: World, prepared: Path, tmp_path: Path
) -> None:
    for seed in range(4):
        world.add(f"photo-{seed}.jpg", photo(seed))
    run(world, least=2.0)
    together = {item.ref.key: item.rendition for item in items.every(world.services.records)}
    alone = twin(tmp_path / "alone", prepared)
    alone.add("photo-2.jpg", photo(2))
    run(alone, least=2.0)
    (item,) = items.every(alone.services.records)
    assert item.rendition == together["photo-2.jpg"]


def test_an_item_that_somebody_else_did_meanwhile_counts_as_theirs(world: World) -> None:
    world.add("cup.jpg", photo(1))
    made, shard = planned(world, world.campaign(least=2.0)), waiting(world)
    (first,), (second,) = run_shard(shard, made), run_shard(shard, made)
    assert first.state == second.state == ItemState.IN_REVIEW
    held = [event for event in ledger.page(world.services.records, limit=1000) if event.kind == "item:review:held"]
    assert len(held) == 1


def test_a_full_disk_stops_the_shard_and_loses_nothing(world: World) -> None:
    """The staging folder becomes unwritable in mid-run: the items stay planned and the next run does them."""
    world.add("cup.jpg", photo(1))
    staging = world.home / "staging"
    staging.mkdir()
    (staging / "sha256").write_text("a file where a folder has to be")
    with pytest.raises(Exception, match="staging"):
        run(world)
    assert items.counts(world.services.records)[ItemState.PLANNED] == 1
    (staging / "sha256").unlink()
    assert run(world)["cup.jpg"].state == ItemState.PUBLISHED


def test_from_bucket_to_bucket_with_rights_in_metadata_and_tags(
    world: World, s3_endpoint: str, s3_admin: Any, s3_bucket: str, another_s3_bucket: str
) -> None:
    rights = {"class": "product", "licence": "studio", "derivatives": "allowed", "person": "no"}
    for seed, name in enumerate(("cup.jpg", "agency.jpg"), start=1):
        s3_admin.put_object(Bucket=s3_bucket, Key=f"brand/shop/{name}", Body=photo(seed), Metadata=rights)
    forbidden = {"TagSet": [{"Key": "derivatives", "Value": "forbidden"}]}
    s3_admin.put_object_tagging(Bucket=s3_bucket, Key="brand/shop/agency.jpg", Tagging=forbidden)
    campaign = world.campaign()
    source, target = (
        S3Spec(bucket=bucket, prefix=prefix, endpoint_url=s3_endpoint, region="us-east-1")
        for bucket, prefix in ((s3_bucket, "brand"), (another_s3_bucket, ""))
    )
    campaign = campaign.model_copy(
        update={
            "source": campaign.source.model_copy(update={"store": source}),
            "publish": campaign.publish.model_copy(update={"store": target}),
        }
    )
    made = planned(world, campaign)
    list(run_shard(waiting(world), made))
    counts = items.counts(world.services.records)
    assert (counts[ItemState.PUBLISHED], counts[ItemState.REFUSED]) == (1, 1)
    listed = [each["Key"] for each in s3_admin.list_objects_v2(Bucket=another_s3_bucket)["Contents"]]
    keys = [key for key in listed if not key.startswith(".")]
    assert [key.split(".")[-1] for key in sorted(keys)] == ["jpg", "json"]
    (picture,) = [key for key in keys if key.endswith(".jpg")]
    content = s3_admin.get_object(Bucket=another_s3_bucket, Key=picture)["Body"].read()
    assert verify_file(content).is_intact


@pytest.mark.slow
def test_a_thousand_spoilt_files_are_each_accounted_for_with_a_reason(world: World) -> None:
    """Truncated, spliced and bit-flipped files of every format: no crash, no hang, none forgotten."""
    spoil = random.Random(5)
    whole = [photo(seed, kind=kind) for seed, kind in enumerate(("jpeg", "png", "webp", "tiff", "gif", "bmp"))]
    for number in range(1_000):
        content = bytearray(spoil.choice(whole))
        for _ in range(spoil.randrange(1, 30)):
            content[spoil.randrange(len(content))] = spoil.randrange(256)
        world.add(f"{number:04}.jpg", bytes(content[: spoil.randrange(1, len(content) + 1)]))
    ended = run(world)
    kept = items.counts(world.services.records)
    distinct = {item.ref.key for item in items.every(world.services.records)}
    assert len(ended) == len(distinct) == 1_000
    assert set(Counter(each.state for each in ended.values())) <= {"quarantined", "published", "in_review"}
    assert all(each.reasons for each in ended.values() if each.state == "quarantined")
    assert kept[ItemState.PLANNED] == 0


def test_of_two_runs_with_other_bounds_only_the_first_decision_is_published(world: World) -> None:
    """The second would approve what the first has sent to a person: it may neither move nor publish it."""
    world.add("cup.jpg", photo(1))
    strict, mild = planned(world, world.campaign(least=2.0)), planned(world, world.campaign())
    shard = waiting(world)
    list(run_shard(shard, strict))
    (second,) = run_shard(shard, mild)
    assert second.state == ItemState.IN_REVIEW
    assert world.published() == {}


def test_what_another_run_has_published_is_not_published_again(world: World) -> None:
    world.add("cup.jpg", photo(1))
    mild, strict = planned(world, world.campaign()), planned(world, world.campaign(least=2.0))
    shard = waiting(world)
    list(run_shard(shard, mild))
    before = world.published()
    (second,) = run_shard(shard, strict)
    assert second.state == ItemState.PUBLISHED
    assert world.published() == before
