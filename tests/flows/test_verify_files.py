"""Checking files from anywhere and files that are published, and finding out where a picture comes from."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from flows.errors import UsageError
from flows.shard import run_shard
from flows.stores.errors import StoreUnreachable
from flows.stores.local import FolderStore
from flows.trace import Traced, trace
from flows.verify_files import Checked, verify_files
from flows.verify_outputs import verify_outputs
from governance import items, ledger, outputs, recalls
from governance.provenance.content_credentials import sign
from governance.provenance.identity import SigningIdentity
from governance.provenance.statement import Statement
from governance.recall_reach import Scope
from stylecore.data import Digest
from tests.flows.world import STYLE, World, photo, planned, waiting


@pytest.fixture
def published(world: World) -> dict[str, bytes]:
    """Three files that left, by their keys."""
    for number, key in enumerate(("cup.jpg", "sea/boat.jpg", "tower.png")):
        world.add(key, photo(number, 240, 180, kind="png" if key.endswith("png") else "jpeg"))
    list(run_shard_of(world))
    return world.published()


def run_shard_of(world: World, campaign: Any = None) -> Any:
    made = planned(world, campaign or world.campaign())
    return run_shard(waiting(world), made)


def verdicts(world: World, where: Path | str) -> Counter[str]:
    return Counter(each.verdict for each in verify_files(world.services, str(where)))


def checked(world: World, file: Path) -> Checked:
    (found,) = verify_files(world.services, str(file))
    return found


def test_what_left_here_is_good_and_the_records_and_the_ledger_know_it(
    world: World, published: dict[str, bytes]
) -> None:
    shelf = world.home / "restyled"
    assert verdicts(world, shelf) == {"good": 3}
    found = checked(world, shelf / min(published))
    assert (found.sidecar, found.in_ledger) == ("matches", True)
    assert found.output is not None
    assert found.output.output_digest == Digest.of(published[min(published)])


def test_a_folder_is_checked_file_by_file_and_nothing_in_it_can_stop_that(
    world: World, published: dict[str, bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "sent"
    folder.mkdir()
    cup, boat, _ = sorted(published)
    (folder / "good.jpg").write_bytes(published[cup])
    (folder / "changed.jpg").write_bytes(published[boat][:-3000] + bytes(10) + published[boat][-2990:])
    (folder / "bare.jpg").write_bytes(photo(1))
    (folder / "letter.txt").write_bytes(b"Dear colleagues,")
    (folder / "link.jpg").symlink_to("/etc/hostname")
    (folder / "empty.jpg").write_bytes(b"")
    found = {each.name: each.verdict for each in verify_files(world.services, str(folder))}
    assert found["good.jpg"] == "good"
    assert found["changed.jpg"] in ("altered", "unreadable")
    assert found["bare.jpg"] == "no-credentials"
    assert found["letter.txt"] == "unreadable"
    assert "good" not in {verdict for name, verdict in found.items() if name != "good.jpg"}


def test_another_statement_beside_a_good_file_is_told(world: World, published: dict[str, bytes]) -> None:
    shelf = world.home / "restyled"
    cup, boat, _ = sorted(published)
    (shelf / f"{cup}.restyle.json").write_bytes((shelf / f"{boat}.restyle.json").read_bytes())
    found = checked(world, shelf / cup)
    assert found.verdict == "other statement"
    assert "another statement" in found.why
    (shelf / f"{cup}.restyle.json").write_bytes(b"{}")
    assert "not a statement" in checked(world, shelf / cup).why


def test_a_copy_of_what_was_taken_back_is_said_to_be_withdrawn(
    world: World, published: dict[str, bytes], tmp_path: Path
) -> None:
    recall = recalls.order(world.services.records, Scope.STYLE, STYLE, "why", "olga")
    from flows.recalling import take_back

    list(take_back(world.services, recall, "olga"))
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(published[min(published)])
    assert checked(world, copy).verdict == "withdrawn"


def test_a_file_signed_by_a_stranger_is_untrusted(world: World, published: dict[str, bytes], tmp_path: Path) -> None:
    stranger = SigningIdentity.load_or_create(tmp_path / "stranger")
    sidecar = (world.home / "restyled" / f"{min(published)}.restyle.json").read_bytes()
    forged = sign(photo(9), "image/jpeg", Statement.parse(sidecar), stranger, title="cup", style_title="Dots")
    (tmp_path / "forged.jpg").write_bytes(forged)
    assert checked(world, tmp_path / "forged.jpg").verdict == "untrusted"


def test_a_bucket_is_checked_too(
    world: World, published: dict[str, bytes], s3_admin: Any, s3_bucket: str, s3_endpoint: str, monkeypatch: Any
) -> None:
    prefix = f"verify-{datetime.now(UTC):%H%M%S%f}"
    for key, content in published.items():
        s3_admin.put_object(Bucket=s3_bucket, Key=f"{prefix}/{key}", Body=content)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert verdicts(world, f"s3://{s3_bucket}/{prefix}") == {"good": 3}


@pytest.mark.parametrize("where", ["ftp://host/folder", "s3://", "s3://x/../y", "http://example.org/a.jpg"])
def test_a_place_that_is_none_is_refused(world: World, where: str) -> None:
    with pytest.raises(Exception, match="expected"):
        list(verify_files(world.services, where))


def test_a_file_that_is_not_there_is_a_usage_error(world: World, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        list(verify_files(world.services, str(tmp_path / "nowhere.jpg")))


def looked(world: World, **asked: Any) -> Counter[str]:
    return Counter(each.state for each in verify_outputs(world.services, "nora", **asked))


def test_published_files_are_looked_at_where_they_are_and_drift_is_told_once(
    world: World, published: dict[str, bytes]
) -> None:
    shelf = world.home / "restyled"
    assert looked(world) == {"well": 3}
    assert ledger.page(world.services.records, kind="output:checked") == ()
    cup, boat, tower = sorted(published)
    (shelf / cup).write_bytes(published[boat])
    (shelf / boat).unlink()
    stripped = io.BytesIO()
    Image.open(shelf / tower).save(stripped, "PNG")
    (shelf / tower).write_bytes(stripped.getvalue())
    for _ in range(2):
        assert looked(world) == {"changed": 2, "missing": 1}
    told = ledger.page(world.services.records, kind="output:checked")
    assert sorted((each.body["found"], each.body["credentials"]) for each in told) == [
        ("changed", "missing"),
        ("changed", "valid"),
        ("missing", None),
    ]
    rows = {each.key: each for each in outputs.page(world.services.records)}
    assert (rows["tower.png"].found, rows["tower.png"].credentials) == ("changed", "missing")
    assert rows["cup.jpg"].found_digest == Digest.of(published[boat])
    for key, content in published.items():
        (shelf / key).write_bytes(content)
    assert looked(world) == {"well": 3}
    assert len(ledger.page(world.services.records, kind="output:checked")) == 6


def test_a_sample_is_of_those_that_nobody_looked_at_for_longest(world: World, published: dict[str, bytes]) -> None:
    seen = [each.output.key for _ in range(3) for each in verify_outputs(world.services, "nora", sample=1)]
    assert sorted(seen) == ["cup.jpg", "sea/boat.jpg", "tower.png"]
    assert [each.output.key for each in verify_outputs(world.services, "nora", sample=1)] == seen[:1]


def test_only_the_campaign_that_was_asked_for_is_looked_at(world: World, published: dict[str, bytes]) -> None:
    assert looked(world, campaign="world") == {"well": 3}
    assert looked(world, campaign="another") == {}


def test_a_store_that_does_not_answer_is_no_finding_about_its_files(
    world: World, published: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> bytes:
        raise StoreUnreachable("nobody answered")

    with monkeypatch.context() as patch:
        patch.setattr(FolderStore, "read", unreachable)
        assert looked(world) == {"not reached": 3}
    assert {each.checked_at for each in outputs.page(world.services.records)} == {None}


def reencoded(content: bytes) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGB").save(out, "JPEG", quality=55)
    return out.getvalue()


def halved(content: bytes) -> bytes:
    image, out = Image.open(io.BytesIO(content)).convert("RGB"), io.BytesIO()
    image.resize((image.width // 2, image.height // 2)).save(out, "WEBP", quality=70)
    return out.getvalue()


def stripped(content: bytes) -> bytes:
    out = io.BytesIO()
    image = Image.open(io.BytesIO(content))
    image.convert("RGB").save(out, "PNG")
    return out.getvalue()


def key_of(traced: Traced) -> str:
    return traced.matches[0].lineage.item.ref.key


def test_a_file_as_it_left_is_found_by_its_bytes_with_the_whole_story(
    world: World, published: dict[str, bytes]
) -> None:
    for key, content in published.items():
        found = trace(world.services, content)
        assert found.how == "bytes"
        (match,) = found.matches
        lineage = match.lineage
        assert key.startswith(Path(lineage.item.ref.key).stem) or lineage.item.ref.key in key or "/" in key
        assert lineage.item.style.name == STYLE
        assert lineage.approval is not None
        assert lineage.people == {
            "asked for it": "maria@brand.example",
            "approved the style": "approver",
            "published it": "tester",
        }
        assert [event.kind for event in lineage.events][-1] == "item:published"
        assert match.lineage.as_dict()["output"]["output_digest"] == Digest.of(content)


def test_an_asset_and_an_unsigned_rendition_are_known_for_what_they_are(
    world: World, published: dict[str, bytes]
) -> None:
    asset = trace(world.services, photo(0, 240, 180))
    assert (asset.how, asset.matches[0].what) == ("bytes", "the asset it was made from")
    (item,) = items.find_by_output_digest(world.services.records, Digest.of(published[min(published)]))
    assert item.rendition is not None
    rendition = trace(world.services, world.services.staging.get(item.rendition.digest))
    assert rendition.matches[0].what == "its rendition, before it was signed"


def test_a_file_with_something_appended_is_found_by_its_credentials(world: World, published: dict[str, bytes]) -> None:
    cup = min(published)
    found = trace(world.services, published[cup] + b"\0")
    assert found.how == "credentials"
    assert key_of(found) == "cup.jpg"


@pytest.mark.parametrize("change", [reencoded, halved, stripped])
def test_a_file_stored_anew_halved_or_stripped_is_found_by_its_looks(
    world: World, published: dict[str, bytes], change: Callable[[bytes], bytes]
) -> None:
    for content in published.values():
        found = trace(world.services, change(content))
        assert found.how == "looks"
        (item,) = items.find_by_output_digest(world.services.records, Digest.of(content))
        assert found.matches[0].lineage.item.item_id == item.item_id
        assert found.matches[0].distance is not None
        assert found.matches[0].distance <= 8


def test_photographs_are_found_by_their_looks_and_only_their_own(world: World, shared: Path) -> None:
    photographs = sorted((shared / "photos" / "kodak").glob("*.png"))[:6]
    for file in photographs[:4]:
        world.add(f"{file.stem}.jpg", reencoded(file.read_bytes()))
    list(run_shard_of(world))
    for content in world.published().values():
        for change in (reencoded, halved, stripped):
            found = trace(world.services, change(content))
            assert found.how == "looks"
            (item,) = items.find_by_output_digest(world.services.records, Digest.of(content))
            assert [match.lineage.item.item_id for match in found.matches] == [item.item_id]
    for file in photographs[4:]:
        assert trace(world.services, reencoded(file.read_bytes())).how == "nothing"


def test_credentials_of_a_stranger_that_name_our_file_on_another_picture_are_not_believed(
    world: World, published: dict[str, bytes], tmp_path: Path
) -> None:
    stranger = SigningIdentity.load_or_create(tmp_path / "stranger")
    sidecar = (world.home / "restyled" / f"{min(published)}.restyle.json").read_bytes()
    forged = sign(photo(77, 240, 180), "image/jpeg", Statement.parse(sidecar), stranger, title="c", style_title="D")
    assert trace(world.services, forged).how == "nothing"


@pytest.mark.parametrize("content", [b"", b"hello", os.urandom(5000), b"\xff\xd8\xff\xe0" + bytes(200)])
def test_what_is_no_picture_of_ours_is_nothing(world: World, published: dict[str, bytes], content: bytes) -> None:
    found = trace(world.services, content)
    assert (found.how, found.matches) == ("nothing", ())
