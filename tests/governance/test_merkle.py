"""The Merkle tree: against RFC 6962's own definition, its published vectors, and every small forgery."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.merkle import (
    EMPTY_ROOT,
    GrowingTree,
    InMemory,
    consistency_proof,
    includes,
    inclusion_proof,
    is_extension,
    leaf_hash,
    root_of,
)

VECTORS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
"""The test leaves of Certificate Transparency's reference implementation."""
ROOT_OF_ALL_VECTORS = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


def defined(leaves: list[bytes]) -> bytes:
    """The recursive definition of RFC 6962, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + defined(leaves[:split]) + defined(leaves[split:])).digest()


def test_the_root_of_the_published_leaves_is_the_published_root() -> None:
    assert root_of(leaf_hash(bytes.fromhex(each)) for each in VECTORS).hex() == ROOT_OF_ALL_VECTORS


def test_an_empty_tree_has_the_root_that_the_standard_names() -> None:
    assert root_of([]) == EMPTY_ROOT == GrowingTree().root()


@pytest.mark.parametrize("size", [*range(1, 40), 255, 256, 257])
def test_a_tree_that_grows_leaf_by_leaf_has_the_root_of_the_definition(size: int) -> None:
    assert root_of(leaves_of(size)) == defined(leaves_of(size))


def test_every_leaf_of_every_small_tree_can_be_proven_and_at_no_other_place() -> None:
    for size in range(1, 34):
        leaves = leaves_of(size)
        root = root_of(leaves)
        for index in range(size):
            proof = inclusion_proof(InMemory(leaves), index, size)
            assert includes(root, size, index, leaves[index], proof)
            assert len(proof) <= size.bit_length()
            for other in range(size):
                assert other == index or not includes(root, size, other, leaves[index], proof)


def test_every_small_tree_is_proven_to_begin_with_every_smaller_one() -> None:
    leaves = leaves_of(40)
    for size in range(41):
        for old_size in range(size + 1):
            proof = consistency_proof(InMemory(leaves), old_size, size)
            assert is_extension(root_of(leaves[:old_size]), old_size, root_of(leaves[:size]), size, proof)


@settings(max_examples=200, deadline=None)
@given(size=st.integers(2, 200), data=st.data())
def test_a_proof_with_any_part_changed_shows_nothing(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(InMemory(leaves), index, size)
    place = data.draw(st.integers(0, len(proof) - 1))
    forged = [*proof[:place], sha256(proof[place]).digest(), *proof[place + 1 :]]

    assert not includes(root_of(leaves), size, index, leaves[index], forged)
    assert not includes(root_of(leaves), size, index, leaves[index], proof[:-1])
    assert not includes(root_of(leaves), size, index, leaves[index], [*proof, leaves[0]])
    assert not includes(root_of(leaves), size, index, leaf_hash(b"forged"), proof)


@settings(max_examples=200, deadline=None)
@given(size=st.integers(2, 200), data=st.data())
def test_a_history_that_was_rewritten_is_no_extension_of_what_was_noted(size: int, data: st.DataObject) -> None:
    old_size = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, old_size - 1))
    leaves = leaves_of(size)
    noted = root_of(leaves[:old_size])
    rewritten = [*leaves[:changed], leaf_hash(b"another story"), *leaves[changed + 1 :]]

    proof = consistency_proof(InMemory(rewritten), old_size, size)

    assert not is_extension(noted, old_size, root_of(rewritten), size, proof)


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_a_leaf_that_is_not_in_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(InMemory(leaves_of(size)), index, size)
    assert not includes(EMPTY_ROOT, size, index, leaf_hash(b""), [])
