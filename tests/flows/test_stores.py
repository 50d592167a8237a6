"""The contract of every store, run against each kind. A new kind of store adds its world here and nothing else."""

import csv
import random
import threading
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol, get_args
from unicodedata import normalize

import pytest

from flows.stores import STORE_KINDS, open_store
from flows.stores.base import Put, Store
from flows.stores.errors import (
    IntegrityError,
    StoreChanged,
    StoreConflict,
    StoreFactsError,
    StoreKeyRefused,
    StoreNotFound,
    StoreTooLarge,
)
from flows.stores.local import FolderStore
from flows.stores.s3 import S3Store
from flows.stores.s3_client import client_for
from flows.stores.spec import FolderSpec, S3Spec, StoreSpec
from stylecore.data import AssetFacts, AssetRef, Digest

LICENSED = {
    "class": "product",
    "licence": "house-2026",
    "derivatives": "yes",
    "rights-until": "2027-12-31",
    "person": "no",
    "season": "Frühling",
}


PLACES_BETWEEN = ("", "a", "a/", "a/b", "a/b/", "a/zzz", "bb", "zzz")


class World(Protocol):
    """What happens to a store from outside, by others."""

    store: Store
    store_of_small_pages: Store
    places_between: tuple[str, ...]

    def plant(self, key: str, content: bytes, fields: Mapping[str, str] | None = None) -> None: ...
    def remove(self, key: str) -> None: ...


class FolderWorld:
    def __init__(self, root: Path) -> None:
        self._root, self.places_between = root, PLACES_BETWEEN
        self.store: Store = open_store(FolderSpec(path=root, name="library"))
        self.store_of_small_pages: Store = FolderStore(root, "library", names_per_page=5)

    def plant(self, key: str, content: bytes, fields: Mapping[str, str] | None = None) -> None:
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if fields:
            with (path.parent / "_restyle.csv").open("w", newline="", encoding="utf-8") as sidecar:
                csv.writer(sidecar).writerows([["file", *fields], [path.name, *fields.values()]])

    def remove(self, key: str) -> None:
        (self._root / key).unlink()


class S3World:
    def __init__(self, ours: Any, theirs: Any, bucket: str, *, places_between: tuple[str, ...]) -> None:
        self._theirs, self.bucket, self._prefix = theirs, bucket, f"{uuid.uuid4().hex}/"
        self.places_between = places_between
        self.store: Store = S3Store(ours, bucket, self._prefix, "library")
        self.store_of_small_pages: Store = S3Store(ours, bucket, self._prefix, "library", keys_per_page=5)

    def plant(self, key: str, content: bytes, fields: Mapping[str, str] | None = None) -> None:
        self._theirs.put_object(Bucket=self.bucket, Key=self._prefix + key, Body=content)
        if fields:
            tags = [{"Key": name, "Value": text} for name, text in fields.items()]
            self._theirs.put_object_tagging(Bucket=self.bucket, Key=self._prefix + key, Tagging={"TagSet": tags})

    def remove(self, key: str) -> None:
        self._theirs.delete_object(Bucket=self.bucket, Key=self._prefix + key)


@pytest.fixture(scope="module")
def ours(s3_endpoint: str) -> Any:
    """The client as the product makes it."""
    return client_for(S3Spec(bucket="any", endpoint_url=s3_endpoint), {})


@pytest.fixture(params=["folder", "s3", "s3-with-versions"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    if request.param == "folder":
        return FolderWorld(tmp_path)
    versioned = request.param == "s3-with-versions"
    bucket = request.getfixturevalue("s3_bucket_with_versions" if versioned else "s3_bucket")
    ours, theirs = request.getfixturevalue("ours"), request.getfixturevalue("s3_admin")
    # moto 5.2 loses one version when a listing of versions starts at a key that does not exist
    loses_one = versioned and request.getfixturevalue("s3_is_moto")
    return S3World(ours, theirs, bucket, places_between=() if loses_one else PLACES_BETWEEN)


@pytest.fixture
def shelf(world: World, request: pytest.FixtureRequest) -> World:
    """A world to publish to."""
    if isinstance(world, S3World) and not request.getfixturevalue("s3_creates_once")(world.bucket):
        pytest.skip("this server overwrites although told not to; that it is refused is tested in test_stores_s3")
    return world


def keys(store: Store, *globs: str, after: str | None = None) -> list[str]:
    return [ref.key for ref in store.list(globs, after_key=after)]


def put(store: Store, key: str, content: bytes) -> Put:
    return store.put_new(
        key, content, digest=Digest.of(content), media_type="image/png", metadata={"statement": "naïve"}
    )


def test_what_is_planted_is_listed_with_its_size_place_and_store(world: World) -> None:
    world.plant("products/red shoe.jpg", b"red")
    [ref] = world.store.list()
    assert (ref.store, ref.key, ref.size_bytes) == ("library", "products/red shoe.jpg", 3)
    assert ref.modified_at is not None
    assert ref.modified_at.tzinfo is not None
    assert ref.uri == world.store.uri(ref.key)
    assert ref.version


def test_a_listed_asset_and_a_found_asset_are_the_same(world: World) -> None:
    world.plant("a.jpg", b"a")
    [listed] = world.store.list()
    found = world.store.find("a.jpg")
    assert (found.key, found.version, found.size_bytes) == (listed.key, listed.version, listed.size_bytes)


def test_an_empty_store_lists_nothing(world: World) -> None:
    assert keys(world.store) == []


def test_keys_come_in_the_order_of_their_code_points(world: World) -> None:
    names = ["a/b.jpg", "a.jpg", "a-b.jpg", "a b/c.jpg", "a/b/c.jpg", "aa.jpg", "Z.jpg", "é.jpg", "a/0.jpg"]
    names += ["\U0001f600.jpg", "\uff5e.jpg"]  # in UTF-16 these two come the other way round
    for name in names:
        world.plant(name, b"x")
    assert keys(world.store) == sorted(names)


def test_every_listing_can_go_on_after_any_key(world: World) -> None:
    names = sorted(["a.jpg", "a/1.jpg", "a/b/2.jpg", "a/b.jpg", "a0.jpg", "b/x.jpg", "c.jpg"])
    for name in names:
        world.plant(name, b"x")
    for place in [*names, *world.places_between]:
        assert keys(world.store, after=place) == [name for name in names if name > place], place


def test_hidden_files_sidecars_and_our_own_statements_are_no_assets(world: World) -> None:
    hidden = [".DS_Store", ".git/config", "a/.thumbs/x.jpg", "a/_restyle.csv", "a/x.jpg.restyle.json"]
    hidden += ["a/x.jpg.restyle-withdrawn.json"]
    for key in [*hidden, "a/x.jpg"]:
        world.plant(key, b"file\nx.jpg\n")
    assert keys(world.store) == ["a/x.jpg"]


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        (["*.jpg"], ["top.jpg"]),
        (["**/*.jpg"], ["shoes/2026/b.jpg", "shoes/a.jpg", "top.jpg"]),
        (["shoes/**"], ["shoes/2026/b.jpg", "shoes/a.jpg", "shoes/c.png"]),
        (["shoes/*"], ["shoes/a.jpg", "shoes/c.png"]),
        (["shoes/?.[jp]*g"], ["shoes/a.jpg", "shoes/c.png"]),
        (["**/*.jpg", "!**/2026/**"], ["shoes/a.jpg", "top.jpg"]),
        (["!shoes/**"], ["top.jpg"]),
        (["shoes/a.jpg", "top.jpg"], ["shoes/a.jpg", "top.jpg"]),
        (["nowhere/**"], []),
    ],
)
def test_globs_select(world: World, globs: list[str], expected: list[str]) -> None:
    for key in ["shoes/a.jpg", "shoes/c.png", "shoes/2026/b.jpg", "top.jpg"]:
        world.plant(key, b"x")
    assert keys(world.store, *globs) == expected


def test_more_keys_than_a_page_are_all_listed_once(world: World) -> None:
    names = sorted(f"{number % 3}/{number}.jpg" for number in range(33))
    for name in names:
        world.plant(name, b"x")
    store = world.store_of_small_pages
    assert keys(store) == names
    for number, name in enumerate(names):
        assert keys(store, after=name) == names[number + 1 :]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["Äpfel & Birnen (1).jpg", "写真.jpg", "🌋.jpg", "100%.jpg", "a+b=c#d?.jpg"])
def test_a_name_in_any_script_is_listed_and_fetched_as_it_is(world: World, name: str, form: Any) -> None:
    key = normalize(form, f"dir ü/{name}")
    world.plant(key, b"content")
    [ref] = world.store.list()
    assert ref.key == key
    assert world.store.fetch(ref).content == b"content"


def test_fetching_gives_the_bytes_and_their_sha256(world: World) -> None:
    content = random.Random(1).randbytes(3_000_001)
    world.plant("a.jpg", content)
    asset = world.store.fetch(world.store.find("a.jpg"))
    assert asset.content == content
    assert asset.digest == Digest.of(content)
    assert asset.ref.key == "a.jpg"


def test_an_empty_file_is_an_asset_too(world: World) -> None:
    world.plant("empty.jpg", b"")
    [ref] = world.store.list()
    assert world.store.fetch(ref).content == b""
    assert world.store.digest(ref) == Digest.of(b"")


def test_what_has_changed_since_the_listing_is_never_passed_off_as_it(world: World) -> None:
    world.plant("a.jpg", b"first")
    [ref] = world.store.list()
    world.plant("a.jpg", b"other")
    try:
        assert world.store.fetch(ref).content == b"first"  # a store that keeps versions may still have it
        assert world.store.digest(ref) == Digest.of(b"first")
        assert ref.version.startswith("version:")
    except StoreChanged as told:
        changed = str(told)
    else:
        return
    assert "a.jpg" in changed
    assert "Plan again" in changed
    with pytest.raises(StoreChanged):
        world.store.digest(ref)
    with pytest.raises(StoreChanged):
        world.store.read_range(ref, 0, 2)


def test_what_was_removed_since_the_listing_is_not_found(world: World) -> None:
    world.plant("a.jpg", b"first")
    ref = replace(world.store.find("a.jpg"), version="")
    world.remove("a.jpg")
    for read in (world.store.fetch, world.store.digest, lambda gone: world.store.find(gone.key)):
        with pytest.raises(StoreNotFound):
            read(ref)


def test_more_bytes_than_allowed_are_refused_before_and_while_reading(world: World) -> None:
    world.plant("big.jpg", b"x" * 2_000_000)
    ref = world.store.find("big.jpg")
    with pytest.raises(StoreTooLarge, match=r"big\.jpg.*1,000,000"):
        world.store.fetch(ref, max_bytes=1_000_000)
    with pytest.raises(StoreTooLarge):
        world.store.fetch(replace(ref, size_bytes=1), max_bytes=1_000_000)  # a store that lies about sizes
    with pytest.raises(StoreTooLarge):
        world.store.read("big.jpg", max_bytes=1_000_000)
    assert world.store.fetch(ref, max_bytes=2_000_000).ref == ref


def test_a_large_asset_is_digested_in_pieces(world: World) -> None:
    content = random.Random(2).randbytes(5_000_000)
    world.plant("big.jpg", content)
    assert world.store.digest(world.store.find("big.jpg")) == Digest.of(content)


@pytest.mark.parametrize(("start", "stop"), [(0, 4), (3, 7), (0, 10), (5, 99), (10, 20), (50, 60), (4, 4), (0, 0)])
def test_a_range_is_what_slicing_gives(world: World, start: int, stop: int) -> None:
    world.plant("a.jpg", b"0123456789")
    assert world.store.read_range(world.store.find("a.jpg"), start, stop) == b"0123456789"[start:stop]


def test_what_is_put_can_be_read_listed_and_seen(shelf: World) -> None:
    done = put(shelf.store, "out/new.png", b"pixels")
    assert done == Put(True, shelf.store.uri("out/new.png"))
    assert shelf.store.exists("out/new.png")
    assert shelf.store.read("out/new.png") == b"pixels"
    assert keys(shelf.store) == ["out/new.png"]


def test_putting_the_same_again_creates_nothing_and_changes_nothing(shelf: World) -> None:
    put(shelf.store, "out/new.png", b"pixels")
    before = shelf.store.find("out/new.png")
    assert put(shelf.store, "out/new.png", b"pixels") == Put(False, shelf.store.uri("out/new.png"))
    assert shelf.store.find("out/new.png") == before


def test_other_content_under_a_taken_key_is_a_conflict_that_names_both_digests(shelf: World) -> None:
    put(shelf.store, "out/new.png", b"pixels")
    with pytest.raises(StoreConflict) as told:
        put(shelf.store, "out/new.png", b"others")
    assert Digest.of(b"pixels") in str(told.value)
    assert Digest.of(b"others") in str(told.value)
    assert shelf.store.read("out/new.png") == b"pixels"


def test_content_that_is_not_what_its_digest_says_is_not_written(world: World) -> None:
    with pytest.raises(IntegrityError):
        world.store.put_new("a.png", b"x", digest=Digest.of(b"y"), media_type="image/png", metadata={})
    assert not world.store.exists("a.png")


def test_of_many_writers_of_one_key_exactly_one_wins(shelf: World) -> None:
    contents = [bytes([number]) * 50_000 for number in range(8)]
    outcomes: list[Put | Exception] = []
    start = threading.Barrier(len(contents))

    def write(content: bytes) -> None:
        start.wait()
        try:
            outcomes.append(put(shelf.store, "raced.png", content))
        except Exception as problem:
            outcomes.append(problem)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([outcome for outcome in outcomes if isinstance(outcome, Put) and outcome.created]) == 1
    assert len([outcome for outcome in outcomes if isinstance(outcome, StoreConflict)]) == len(contents) - 1
    assert shelf.store.read("raced.png") in contents


HOSTILE_KEYS = ["", "/", "/etc/passwd", "../up.jpg", "a/../../up.jpg", "a//b.jpg", "./a.jpg", "a/.", "a/", "x" * 2000]


@pytest.mark.parametrize("key", [*HOSTILE_KEYS, "a\0b", "a\\..\\b", "\udc80"])
def test_a_key_that_is_no_plain_relative_path_is_refused_everywhere(world: World, key: str) -> None:
    ref = AssetRef("library", key, "1-1-1", 1, None, "")
    uses = [
        lambda: world.store.fetch(ref),
        lambda: world.store.digest(ref),
        lambda: world.store.facts(ref),
        lambda: world.store.read_range(ref, 0, 1),
        lambda: world.store.read(key),
        lambda: world.store.find(key),
        lambda: world.store.exists(key),
        lambda: put(world.store, key, b"x"),
    ]
    for use in uses:
        with pytest.raises(StoreKeyRefused):
            use()
    assert keys(world.store) == []


def test_a_key_that_is_not_there_is_not_found(world: World) -> None:
    assert not world.store.exists("no/such.jpg")
    with pytest.raises(StoreNotFound, match="no/such"):
        world.store.read("no/such.jpg")


def test_what_is_removed_is_gone_and_removing_it_again_says_that_nothing_was_there(world: World) -> None:
    world.plant("a/b.jpg", b"ours")
    assert world.store.remove("a/b.jpg", digest=Digest.of(b"ours")).was_there
    assert not world.store.exists("a/b.jpg")
    assert keys(world.store) == []
    assert not world.store.remove("a/b.jpg", digest=Digest.of(b"ours")).was_there
    assert not world.store.remove("never/there.jpg", digest=Digest.of(b"ours")).was_there


def test_other_bytes_than_those_named_are_never_removed(world: World) -> None:
    world.plant("a.jpg", b"somebody else's")
    with pytest.raises(StoreChanged, match="other bytes than those that are to be removed"):
        world.store.remove("a.jpg", digest=Digest.of(b"ours"))
    assert world.store.read("a.jpg") == b"somebody else's"
    assert keys(world.store) == ["a.jpg"]


def test_a_removed_key_can_be_written_again(shelf: World) -> None:
    put(shelf.store, "a.png", b"first")
    shelf.store.remove("a.png", digest=Digest.of(b"first"))
    assert put(shelf.store, "a.png", b"second").created
    assert shelf.store.read("a.png") == b"second"


@pytest.mark.parametrize("key", HOSTILE_KEYS)
def test_a_hostile_key_removes_nothing(world: World, key: str) -> None:
    with pytest.raises(StoreKeyRefused):
        world.store.remove(key, digest=Digest.of(b""))


def test_facts_are_what_the_store_says(world: World) -> None:
    world.plant("shoes/a.jpg", b"x", LICENSED)
    assert world.store.facts(world.store.find("shoes/a.jpg")) == AssetFacts(
        asset_class="product",
        licence="house-2026",
        derivatives_allowed=True,
        rights_until=date(2027, 12, 31),
        shows_person=False,
        tags={"season": "Frühling"},
    )


def test_without_anything_said_all_facts_are_unknown(world: World) -> None:
    world.plant("a.jpg", b"x")
    assert world.store.facts(world.store.find("a.jpg")) == AssetFacts()


def test_a_fact_that_cannot_be_understood_says_where_and_which_field_and_spares_the_listing(world: World) -> None:
    world.plant("shoes/a.jpg", b"x", {**LICENSED, "rights-until": "next spring"})
    [ref] = world.store.list()
    with pytest.raises(StoreFactsError, match=r"shoes.*rights.until.*next spring"):
        world.store.facts(ref)
    assert world.store.fetch(ref).content == b"x"


def test_every_kind_of_spec_has_its_module() -> None:
    union, _ = get_args(StoreSpec)
    kinds = {get_args(spec.model_fields["kind"].annotation)[0] for spec in get_args(union)}
    assert kinds == set(STORE_KINDS)
