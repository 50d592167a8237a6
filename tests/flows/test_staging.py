"""Staging: what is put is there, whole, under its digest; what is damaged is never handed out."""

import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.staging import Staging, staged_key
from flows.stores.errors import IntegrityError, StoreFull, StoreNotFound
from flows.stores.local import FolderStore
from flows.stores.s3 import S3Store
from stylecore.data import Digest


@pytest.fixture(params=["folder", "s3"])
def staging(request: pytest.FixtureRequest, tmp_path: Path) -> Staging:
    if request.param == "folder":
        return Staging(FolderStore(tmp_path))
    admin: Any = request.getfixturevalue("s3_admin")
    return Staging(S3Store(admin, request.getfixturevalue("s3_bucket"), f"staging/{tmp_path.name}/"))


def test_what_is_put_is_had_and_got(staging: Staging) -> None:
    digest = staging.put(b"pixels")
    assert digest == Digest.of(b"pixels")
    assert staging.has(digest)
    assert staging.get(digest) == b"pixels"
    assert staging.uri(digest).endswith(f"sha256/{digest[:2]}/{digest[2:4]}/{digest}")


def test_putting_twice_is_putting_once(staging: Staging) -> None:
    assert staging.put(b"pixels") == staging.put(b"pixels")


def test_what_was_never_put_is_not_found(staging: Staging) -> None:
    assert not staging.has(Digest.of(b"never"))
    with pytest.raises(StoreNotFound):
        staging.get(Digest.of(b"never"))


def test_many_may_put_the_same_at_once(staging: Staging) -> None:
    problems: list[Exception] = []

    def put() -> None:
        try:
            staging.put(b"same" * 50_000)
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert staging.get(Digest.of(b"same" * 50_000)) == b"same" * 50_000


@settings(max_examples=20, deadline=None)
@given(content=st.binary(max_size=2_000))
def test_any_content_comes_back_as_it_went(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    staging = Staging(FolderStore(tmp_path_factory.mktemp("staging")))
    assert staging.get(staging.put(content)) == content


def test_damaged_content_is_neither_handed_out_nor_taken_for_good(tmp_path: Path) -> None:
    staging = Staging(FolderStore(tmp_path))
    digest = staging.put(b"pixels")
    (tmp_path / staged_key(digest)).write_bytes(b"pixelz")
    for use in (lambda: staging.get(digest), lambda: staging.put(b"pixels")):
        with pytest.raises(IntegrityError, match="Remove the file") as told:
            use()
        assert told.value.kind == "integrity"


@pytest.fixture
def no_room() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("no_room")
def test_without_room_nothing_stands_under_a_final_name(tmp_path: Path) -> None:
    staging = Staging(FolderStore(tmp_path))
    with pytest.raises(StoreFull):
        staging.put(b"x" * 50_001)
    assert not staging.has(Digest.of(b"x" * 50_001))
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == []
