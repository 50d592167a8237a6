from __future__ import annotations

from dataclasses import replace

import pytest

from governance import sources
from governance.db import Database
from governance.errors import UsageError
from governance.sources import Seen
from tests.governance.world import digest, ref

SEEN = [Seen(ref(f"{number}.jpg"), digest(number)) for number in range(5)]


def test_what_was_read_once_is_known_by_its_place_version_and_size(database: Database) -> None:
    sources.remember(database, SEEN)
    assert sources.lookup(database, [each.ref for each in SEEN]) == {each.ref: each.digest for each in SEEN}


def test_another_version_or_size_is_another_content(database: Database) -> None:
    sources.remember(database, SEEN)
    newer = replace(SEEN[0].ref, version="2")
    grown = replace(SEEN[1].ref, size_bytes=11)
    assert sources.lookup(database, [newer, grown, ref("unknown.jpg")]) == {}


def test_what_is_read_again_replaces_what_was_known(database: Database) -> None:
    sources.remember(database, SEEN)
    newer = Seen(replace(SEEN[0].ref, version="2"), digest("new"))
    sources.remember(database, [newer, *SEEN[1:]])
    assert sources.lookup(database, [newer.ref]) == {newer.ref: digest("new")}
    assert sources.lookup(database, [SEEN[0].ref]) == {}


def test_the_same_key_in_two_stores_is_two_places(database: Database) -> None:
    other = replace(SEEN[0].ref, store="archive")
    sources.remember(database, [SEEN[0], Seen(other, digest("other"))])
    assert sources.lookup(database, [other]) == {other: digest("other")}


def test_a_store_without_version_tokens_is_never_remembered(database: Database) -> None:
    blank = replace(SEEN[0].ref, version="")
    sources.remember(database, [Seen(blank, digest("x"))])
    assert sources.lookup(database, [blank]) == {}


def test_very_long_keys_are_places_too(database: Database) -> None:
    deep = ref("日本/" * 1_200 + "a.jpg")
    sources.remember(database, [Seen(deep, digest("deep"))])
    assert sources.lookup(database, [deep]) == {deep: digest("deep")}


def test_a_key_that_cannot_be_kept_is_refused(database: Database) -> None:
    with pytest.raises(UsageError, match="the asset's key"):
        sources.remember(database, [Seen(ref("nul\0.jpg"), digest("x"))])


def test_nothing_is_remembered_of_nothing(database: Database) -> None:
    sources.remember(database, [])
    assert sources.lookup(database, []) == {}
