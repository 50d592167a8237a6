"""Finding pictures by their perceptual hash: everything near is found, and nothing else."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import fingerprints
from governance.db import Database
from governance.errors import UsageError
from governance.fingerprints import NEAR_BITS, distance, near
from tests.governance.world import published_item

HASHES = st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}")


def flipped(fingerprint: str, bits: int, seed: int = 0) -> str:
    number = int(fingerprint, 16)
    for place in random.Random(seed).sample(range(64), bits):
        number ^= 1 << place
    return f"{number:016x}"


@given(one=HASHES, other=HASHES)
def test_distances_count_differing_bits(one: str, other: str) -> None:
    assert distance(one, other) == distance(other, one) == bin(int(one, 16) ^ int(other, 16)).count("1")


@given(fingerprint=HASHES, bits=st.integers(0, 11), seed=st.integers(0, 10_000))
def test_of_two_hashes_within_eleven_bits_one_band_is_among_those_that_are_asked_for(
    fingerprint: str, bits: int, seed: int
) -> None:
    wanted, found = int(fingerprint, 16), int(flipped(fingerprint, bits, seed), 16)
    bands = zip(fingerprints._bands(wanted), fingerprints._bands(found), strict=True)
    assert any(there in set(fingerprints._values_near(asked)) for asked, there in bands)


def test_what_is_near_is_found_nearest_first_and_what_is_far_is_not(database: Database, run_id: str) -> None:
    wanted = "d01a770fd59c4a2d"
    expected = [
        (published_item(database, run_id, bits, fingerprint=flipped(wanted, bits, seed=bits)), bits)
        for bits in range(NEAR_BITS + 1)
    ]
    for number, bits in enumerate((NEAR_BITS + 1, 20, 32, 64), start=100):
        published_item(database, run_id, number, fingerprint=flipped(wanted, bits))
    published_item(database, run_id, 200, fingerprint=None)
    assert [(each.item_id, each.distance) for each in near(database, wanted)] == expected
    assert [each.distance for each in near(database, wanted, limit=3)] == [0, 1, 2]
    assert [each.distance for each in near(database, wanted, within=2)] == [0, 1, 2]


def test_a_search_agrees_with_looking_at_every_one(database: Database, run_id: str) -> None:
    numbers = random.Random(7)
    kept = {}
    for number in range(60):
        fingerprint = flipped("a5a5a5a5c3c3c3c3", numbers.randrange(0, 16), seed=number)
        kept[published_item(database, run_id, number, fingerprint=fingerprint)] = fingerprint
    expected = {item for item, told in kept.items() if distance(told, "a5a5a5a5c3c3c3c3") <= NEAR_BITS}
    assert {each.item_id for each in near(database, "a5a5a5a5c3c3c3c3", limit=100)} == expected


@pytest.mark.parametrize("text", ["", "d01a", "D01A770FD59C4A2D", "z" * 16, "'; drop table", "0" * 17])
def test_what_is_no_hash_is_refused(database: Database, text: str) -> None:
    with pytest.raises(UsageError, match="16 lower-case hex digits"):
        near(database, text)
