"""What is particular to S3: wires that break, servers that refuse, metadata in headers, conditional writes."""

import random
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from email.header import Header
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pydantic import SecretStr, ValidationError

from flows.stores import open_store
from flows.stores.base import Put, Store
from flows.stores.errors import (
    StoreChanged,
    StoreConflict,
    StoreDenied,
    StoreError,
    StoreFactsError,
    StoreFull,
    StoreKeyRefused,
    StoreNotFound,
    StoreTooLarge,
    StoreUnreachable,
)
from flows.stores.s3 import S3Store
from flows.stores.s3_client import client_for
from flows.stores.s3_errors import s3_errors_told
from flows.stores.s3_read import RESUMES, S3Object
from flows.stores.s3_remove import removed
from flows.stores.s3_text import unwrapped, wrapped
from flows.stores.s3_write import MARKER_KEY, MAX_PUT_BYTES, created, refuse_more_than_one_put
from flows.stores.spec import S3Spec
from stylecore.data import Digest

SECRETS = {"access_key_id": SecretStr("testing"), "secret_access_key": SecretStr("very-secret-indeed")}


@pytest.fixture
def prefix() -> str:
    return f"{uuid.uuid4().hex}/"


@pytest.fixture
def store(s3_endpoint: str, s3_bucket: str, prefix: str) -> Store:
    return open_store(S3Spec(bucket=s3_bucket, prefix=prefix, endpoint_url=s3_endpoint))


def put(store: Store, key: str, content: bytes, **metadata: str) -> Put:
    return store.put_new(key, content, digest=Digest.of(content), media_type="image/jpeg", metadata=metadata)


class TestABrokenWire:
    CONTENT = random.Random(3).randbytes(6_000_000)

    @pytest.fixture
    def over_the_wire(self, cuttable_wire: Any, s3_bucket: str, prefix: str) -> Store:
        spec = S3Spec(bucket=s3_bucket, prefix=prefix, endpoint_url=cuttable_wire.endpoint, attempts=2)
        store = open_store(spec)
        put(store, "big.jpg", self.CONTENT)
        return store

    def test_a_fetch_that_is_cut_goes_on_where_it_broke(self, over_the_wire: Store, cuttable_wire: Any) -> None:
        ref = over_the_wire.find("big.jpg")
        cuttable_wire.cut(after_bytes=2_500_000, times=1)
        asset = over_the_wire.fetch(ref)
        assert cuttable_wire.cuts == 1
        assert asset.digest == Digest.of(self.CONTENT)
        assert asset.content == self.CONTENT

    def test_a_wire_that_breaks_often_is_resumed_as_often(self, over_the_wire: Store, cuttable_wire: Any) -> None:
        ref = over_the_wire.find("big.jpg")
        cuttable_wire.cut(after_bytes=1_500_000, times=3)
        assert over_the_wire.digest(ref) == Digest.of(self.CONTENT)
        assert cuttable_wire.cuts == 3

    def test_a_cut_range_is_completed_too(self, over_the_wire: Store, cuttable_wire: Any) -> None:
        ref = over_the_wire.find("big.jpg")
        cuttable_wire.cut(after_bytes=2_000_000, times=1)
        assert over_the_wire.read_range(ref, 1_000_000, 5_000_000) == self.CONTENT[1_000_000:5_000_000]
        assert cuttable_wire.cuts == 1

    def test_a_wire_that_never_holds_is_given_up(
        self, over_the_wire: Store, cuttable_wire: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ref = over_the_wire.find("big.jpg")
        cuttable_wire.cut(after_bytes=100_000, times=1_000)
        monkeypatch.setattr(time, "sleep", lambda _: None)
        with pytest.raises(StoreUnreachable, match=f"broke {RESUMES + 1} times"):
            over_the_wire.fetch(ref)

    def test_another_object_under_the_key_is_not_glued_to_the_first_half(
        self, over_the_wire: Store, cuttable_wire: Any, s3_admin: Any, s3_bucket: str, prefix: str
    ) -> None:
        ref = replace(over_the_wire.find("big.jpg"), version="")
        cuttable_wire.cut(after_bytes=2_500_000, times=1)
        cuttable_wire.when_cut = lambda: s3_admin.put_object(
            Bucket=s3_bucket, Key=f"{prefix}big.jpg", Body=self.CONTENT[::-1]
        )
        with pytest.raises(StoreError, match="412"):
            over_the_wire.fetch(ref)


def test_an_address_where_nobody_listens_is_unreachable_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(StoreUnreachable, match=rf"127\.0\.0\.1:{port}.*Check the address"):
        open_store(S3Spec(bucket="brand", endpoint_url=f"http://127.0.0.1:{port}"), SECRETS)
    assert time.monotonic() - started < 15


def test_a_server_that_accepts_and_then_says_nothing_is_unreachable_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(StoreUnreachable):
            open_store(S3Spec(bucket="brand", endpoint_url=address, read_timeout_s=0.5, attempts=2), SECRETS)
    assert time.monotonic() - started < 15


def test_a_bucket_that_is_not_there_is_not_found_with_the_next_step(s3_endpoint: str) -> None:
    with pytest.raises(StoreNotFound, match=r"no-such-bucket-here.*Check the bucket"):
        open_store(S3Spec(bucket="no-such-bucket-here", endpoint_url=s3_endpoint))


def test_credentials_in_the_address_are_refused() -> None:
    with pytest.raises(ValidationError, match="do not belong into the address"):
        S3Spec(bucket="brand", endpoint_url="https://me:pw@s3.example.com")


def test_an_unknown_credential_is_named() -> None:
    with pytest.raises(StoreError, match=r"'password'.*access_key_id"):
        open_store(S3Spec(bucket="brand", endpoint_url="http://127.0.0.1:1"), {"password": SecretStr("x")})


def test_no_secret_is_logged_or_shown(s3_endpoint: str, s3_bucket: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    spec = S3Spec(bucket=s3_bucket, endpoint_url=s3_endpoint)
    store = S3Store(client_for(spec, SECRETS), s3_bucket)
    with pytest.raises(StoreError) as told:
        store.read("nothing.jpg")
    shown = caplog.text + repr(vars(store)) + repr(spec) + repr(SECRETS) + str(told.value)
    assert "very-secret-indeed" not in shown


def test_a_bucket_that_refuses_us_is_denied(refusing_server: str) -> None:
    with pytest.raises(StoreDenied, match=r"answered 403 Forbidden\..*s3:ListBucket"):
        open_store(S3Spec(bucket="brand", endpoint_url=refusing_server), SECRETS)


def test_an_answer_without_a_message_is_told_without_one() -> None:
    quota = {"Error": {"Code": "QuotaExceeded", "Message": None}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    with pytest.raises(StoreFull, match=r"answered 403 QuotaExceeded\. Raise the quota"), s3_errors_told("s3://b/k"):
        raise ClientError(quota, "PutObject")


def test_metadata_and_tags_are_facts_and_tags_win(store: Store, s3_admin: Any, s3_bucket: str, prefix: str) -> None:
    told = {"licence": "old", "person": "no", "photographer": Header("Zoë Łuk", "utf-8").encode()}
    tags = "licence=new&Season=Spring"
    s3_admin.put_object(Bucket=s3_bucket, Key=f"{prefix}a.jpg", Body=b"x", Metadata=told, Tagging=tags)
    facts = store.facts(store.find("a.jpg"))
    assert (facts.licence, facts.shows_person) == ("new", False)
    assert facts.tags == {"photographer": "Zoë Łuk", "season": "Spring"}


def test_zones_in_the_metadata_name_masks_beside_the_object_which_are_no_assets(
    store: Store, s3_admin: Any, s3_bucket: str, prefix: str
) -> None:
    told = {"zones": '[{"kind": "logo", "mask": "a.mask.png"}, {"kind": "face", "box": [0, 0, 0.5, 1]}]'}
    s3_admin.put_object(Bucket=s3_bucket, Key=f"{prefix}shop/a.jpg", Body=b"x", Metadata=told)
    s3_admin.put_object(Bucket=s3_bucket, Key=f"{prefix}shop/a.mask.png", Body=b"y")

    (ref,) = store.list()

    assert [(zone.kind, zone.mask) for zone in store.facts(ref).zones] == [("logo", "shop/a.mask.png"), ("face", None)]
    assert store.read("shop/a.mask.png") == b"y"


def test_facts_are_those_of_the_listed_version(
    s3_endpoint: str, s3_bucket_with_versions: str, s3_admin: Any, prefix: str
) -> None:
    bucket = s3_bucket_with_versions
    store = open_store(S3Spec(bucket=bucket, prefix=prefix, endpoint_url=s3_endpoint))
    s3_admin.put_object(Bucket=bucket, Key=f"{prefix}a.jpg", Body=b"x", Metadata={"licence": "first"})
    [first] = store.list()
    s3_admin.put_object(Bucket=bucket, Key=f"{prefix}a.jpg", Body=b"y", Metadata={"licence": "second"})
    assert store.facts(first).licence == "first"
    assert store.facts(store.find("a.jpg")).licence == "second"


def test_a_deleted_object_of_a_bucket_with_versions_is_not_listed(
    s3_endpoint: str, s3_bucket_with_versions: str, s3_admin: Any, prefix: str
) -> None:
    store = open_store(S3Spec(bucket=s3_bucket_with_versions, prefix=prefix, endpoint_url=s3_endpoint))
    for key in ("a.jpg", "b.jpg"):
        s3_admin.put_object(Bucket=s3_bucket_with_versions, Key=f"{prefix}{key}", Body=b"x")
    s3_admin.delete_object(Bucket=s3_bucket_with_versions, Key=f"{prefix}a.jpg")
    assert [ref.key for ref in store.list()] == ["b.jpg"]
    assert not store.exists("a.jpg")


def test_a_malformed_tag_is_told_with_the_object(store: Store, s3_admin: Any, s3_bucket: str, prefix: str) -> None:
    s3_admin.put_object(Bucket=s3_bucket, Key=f"{prefix}a.jpg", Body=b"x", Tagging="person=perhaps")
    with pytest.raises(StoreFactsError, match=r"s3://.*a\.jpg.*person.*perhaps"):
        store.facts(store.find("a.jpg"))


def test_an_output_carries_its_digest_type_and_metadata_on_the_server(
    store: Store, s3_admin: Any, s3_bucket: str, prefix: str
) -> None:
    put(store, "out.jpg", b"pixels", title="Äpfel\nund Birnen")
    head = s3_admin.head_object(Bucket=s3_bucket, Key=f"{prefix}out.jpg")
    assert head["ContentType"] == "image/jpeg"
    assert head["Metadata"]["restyle-sha256"] == Digest.of(b"pixels")
    assert unwrapped(head["Metadata"]["title"]) == "Äpfel\nund Birnen"
    assert "restyle-sha256" not in store.facts(store.find("out.jpg")).tags


ODD_TEXTS = ["two\r\nX-Evil: lines", "=?utf-8?", "", "a  b", " ", "=?nonsense?q?x?=", "=?utf-8?q?x?="]


@pytest.mark.parametrize("text", ["plain", "Zoë", "写真 " * 50, *ODD_TEXTS])
def test_text_survives_the_headers(text: str) -> None:
    [header] = wrapped({"x": text}).values()
    assert header.isascii()
    assert "\n" not in header
    assert "\r" not in header
    assert unwrapped(header) == text


def test_raw_utf8_in_a_header_is_read_as_it_was_meant() -> None:
    assert unwrapped("Zoë".encode().decode("latin-1")) == "Zoë"
    assert unwrapped("caf\xe9") == "café"


def test_folder_markers_are_skipped_and_hostile_keys_listed_but_never_opened(
    store: Store, s3_admin: Any, s3_bucket: str, prefix: str
) -> None:
    for key in ["folder/", "a//b.jpg", "x/../../up.jpg", "good.jpg"]:
        s3_admin.put_object(Bucket=s3_bucket, Key=prefix + key, Body=b"x")
    refs = {ref.key: ref for ref in store.list()}
    assert set(refs) == {"a//b.jpg", "x/../../up.jpg", "good.jpg"}
    for key in ("a//b.jpg", "x/../../up.jpg"):
        with pytest.raises(StoreKeyRefused, match="Rename"):
            store.fetch(refs[key])


def test_what_lies_outside_the_prefix_is_not_ours(store: Store, s3_admin: Any, s3_bucket: str, prefix: str) -> None:
    s3_admin.put_object(Bucket=s3_bucket, Key=f"{prefix.rstrip('/')}-other/a.jpg", Body=b"x")
    assert list(store.list()) == []


def test_who_loses_the_race_after_looking_is_told_by_the_server(
    store: Store, s3_endpoint: str, prefix: str, s3_bucket: str
) -> None:
    """The look beforehand is left out, as if somebody had come in between."""
    put(store, "a.jpg", b"theirs")
    ours = client_for(S3Spec(bucket=s3_bucket, endpoint_url=s3_endpoint), {})
    assert not created(ours, S3Object(s3_bucket, f"{prefix}a.jpg"), b"ours", Digest.of(b"ours"), "image/jpeg", {})
    assert store.read("a.jpg") == b"theirs"


def test_where_versions_are_kept_a_key_is_created_once_or_nothing_is_published(
    s3_endpoint: str, s3_bucket_with_versions: str, s3_admin: Any, prefix: str, s3_creates_once: Callable[[str], bool]
) -> None:
    bucket = s3_bucket_with_versions
    store = open_store(S3Spec(bucket=bucket, prefix=prefix, endpoint_url=s3_endpoint))
    if not s3_creates_once(bucket):
        with pytest.raises(StoreError, match="ignores If-None-Match"):
            put(store, "a.jpg", b"x")
        assert not store.exists("a.jpg")
        return
    assert put(store, "a.jpg", b"x").created
    with pytest.raises(StoreConflict):
        put(store, "a.jpg", b"y")
    s3_admin.delete_object(Bucket=bucket, Key=f"{prefix}a.jpg")
    assert put(store, "a.jpg", b"again").created


class TestAServerThatCannotBeTrusted:
    """The real server, with the condition of our request lost or turned round on its way there."""

    @pytest.fixture
    def client(self, s3_endpoint: str, s3_bucket: str) -> Any:
        return client_for(S3Spec(bucket=s3_bucket, endpoint_url=s3_endpoint), {})

    @staticmethod
    def without_condition(params: dict[str, Any], **_: Any) -> None:
        params["headers"].pop("If-None-Match")

    def test_one_that_overwrites_although_told_not_to_gets_nothing_to_publish(
        self, client: Any, s3_bucket: str, prefix: str
    ) -> None:
        client.meta.events.register("before-call.s3.PutObject", self.without_condition)
        for _ in ("a new store", "another, that finds the marker there"):
            store = S3Store(client, s3_bucket, prefix)
            with pytest.raises(StoreError, match=r"ignores If-None-Match.*Nothing was published"):
                put(store, "a.jpg", b"x")
            assert not store.exists("a.jpg")

    def test_one_that_refuses_what_is_not_there_is_found_out_too(
        self, client: Any, s3_bucket: str, prefix: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def only_overwrites(params: dict[str, Any], **_: Any) -> None:
            self.without_condition(params)
            params["headers"]["If-Match"] = '"0"'

        client.meta.events.register("before-call.s3.PutObject", only_overwrites)
        monkeypatch.setattr(time, "sleep", lambda _: None)
        with pytest.raises(StoreError):
            put(S3Store(client, s3_bucket, prefix), "a.jpg", b"x")

    def test_one_that_keeps_it_is_asked_once_and_keeps_the_marker_out_of_sight(
        self, client: Any, s3_bucket: str, prefix: str
    ) -> None:
        asked: list[str] = []
        client.meta.events.register(
            "provide-client-params.s3.PutObject", lambda params, **_: asked.append(params["Key"])
        )
        store = S3Store(client, s3_bucket, prefix)
        put(store, "a.jpg", b"x")
        put(store, "b.jpg", b"x")
        assert asked == [f"{prefix}{key}" for key in (MARKER_KEY, MARKER_KEY, "a.jpg", "b.jpg")]
        assert [ref.key for ref in store.list()] == ["a.jpg", "b.jpg"]


def test_more_than_one_put_can_carry_is_refused_instead_of_uploaded_in_parts() -> None:
    with pytest.raises(StoreTooLarge, match="one PUT"):
        refuse_more_than_one_put(MAX_PUT_BYTES + 1, "film.tif")
    refuse_more_than_one_put(MAX_PUT_BYTES, "film.tif")


def test_a_folder_store_does_not_import_boto3() -> None:
    code = (
        "import sys; from pathlib import Path; from flows.stores import open_store;"
        "from flows.stores.spec import FolderSpec;"
        "open_store(FolderSpec(path=Path('.'))); sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def ours(s3_endpoint: str) -> Any:
    return client_for(S3Spec(bucket="any", endpoint_url=s3_endpoint), {})


def test_an_object_that_changed_since_the_look_is_not_removed(ours: Any, s3_admin: Any, s3_bucket: str) -> None:
    key = f"changed/{uuid.uuid4().hex}.jpg"
    seen = s3_admin.put_object(Bucket=s3_bucket, Key=key, Body=b"ours")["ETag"]
    s3_admin.put_object(Bucket=s3_bucket, Key=key, Body=b"theirs")
    with pytest.raises(StoreChanged):
        removed(ours, S3Object(s3_bucket, key), etag=seen)
    assert s3_admin.get_object(Bucket=s3_bucket, Key=key)["Body"].read() == b"theirs"


def test_where_versions_are_kept_a_removal_says_that_the_old_one_can_still_be_read(
    ours: Any, s3_admin: Any, s3_bucket_with_versions: str
) -> None:
    store = S3Store(ours, s3_bucket_with_versions, f"removed/{uuid.uuid4().hex}")
    key = store.uri("a.jpg").removeprefix(f"s3://{s3_bucket_with_versions}/")
    version = s3_admin.put_object(Bucket=s3_bucket_with_versions, Key=key, Body=b"ours")["VersionId"]
    assert store.remove("a.jpg", digest=Digest.of(b"ours")).older_versions
    assert not store.exists("a.jpg")
    kept = s3_admin.get_object(Bucket=s3_bucket_with_versions, Key=key, VersionId=version)
    assert kept["Body"].read() == b"ours"
