"""The Merkle tree of RFC 6962 over the ledger's events: small proofs that an event is in it and that it only grew.

A leaf is ``sha256(0x00 || entry)``, a node ``sha256(0x01 || left || right)``; the left subtree of n leaves has the
largest power of two below n. Everything here is a pure function of leaf hashes, which a ``Leaves`` hands out by range.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Subtrees(Protocol):
    """What proofs are made from: the root of any range of leaves that is a subtree of the whole tree."""

    def root(self, start: int, stop: int) -> bytes: ...


@dataclass
class GrowingTree:
    """The root of all leaves so far, in as many hashes as the number of leaves has bits."""

    size: int = 0
    _peaks: list[tuple[int, bytes]] = field(default_factory=list)
    """(height, root) of the perfect subtrees from left to right."""

    def append(self, leaf: bytes) -> None:
        height, root = 0, leaf
        while self._peaks and self._peaks[-1][0] == height:
            root = node_hash(self._peaks.pop()[1], root)
            height += 1
        self._peaks.append((height, root))
        self.size += 1

    def root(self) -> bytes:
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1][1]
        for _, left in reversed(self._peaks[:-1]):
            root = node_hash(left, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    tree = GrowingTree()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


class InMemory:
    """All leaf hashes at hand, and the root of every perfect subtree: many proofs cost little more than one."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._levels = [list(leaves)]
        while len(below := self._levels[-1]) > 1:
            self._levels.append([node_hash(*below[i : i + 2]) for i in range(0, len(below) - 1, 2)])

    def root(self, start: int, stop: int) -> bytes:
        size = stop - start
        if size & (size - 1) == 0:
            height = size.bit_length() - 1
            return self._levels[height][start >> height]
        middle = start + _split(size)
        return node_hash(self.root(start, middle), self.root(middle, stop))


def inclusion_proof(tree: Subtrees, index: int, size: int) -> list[bytes]:
    """The audit path of the leaf at ``index`` (from 0) in the tree of the first ``size`` leaves, leaf side first."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    return _path(tree, index, 0, size)


def consistency_proof(tree: Subtrees, old_size: int, size: int) -> list[bytes]:
    """That the tree of ``old_size`` leaves is the beginning of the tree of ``size``."""
    if not 0 <= old_size <= size:
        raise ValueError(f"a tree of {size} leaves never had {old_size}")
    if old_size in (0, size):
        return []
    return _grown(tree, old_size, 0, size, is_whole=True)


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def _path(tree: Subtrees, index: int, start: int, stop: int) -> list[bytes]:
    if stop - start == 1:
        return []
    middle = start + _split(stop - start)
    if index < middle:
        return [*_path(tree, index, start, middle), tree.root(middle, stop)]
    return [*_path(tree, index, middle, stop), tree.root(start, middle)]


def _grown(tree: Subtrees, old_size: int, start: int, stop: int, *, is_whole: bool) -> list[bytes]:
    if old_size == stop:
        return [] if is_whole else [tree.root(start, stop)]
    middle = start + _split(stop - start)
    if old_size <= middle:
        return [*_grown(tree, old_size, start, middle, is_whole=is_whole), tree.root(middle, stop)]
    return [*_grown(tree, old_size, middle, stop, is_whole=False), tree.root(start, middle)]


def includes(root: bytes, size: int, index: int, leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that ``leaf`` is at ``index`` of the tree with this root and size."""
    if not 0 <= index < size:
        return False
    node, last, reached = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            reached = node_hash(sibling, reached)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            reached = node_hash(reached, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and reached == root


def is_extension(old_root: bytes, old_size: int, root: bytes, size: int, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the tree with ``root`` begins with the tree that had ``old_root``."""
    if not 0 <= old_size <= size:
        return False
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    if old_size == size:
        return not proof and old_root == root
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)  # a perfect tree is itself the first node of the proof
    if not path:
        return False
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_reached = reached = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old_reached, reached = node_hash(sibling, old_reached), node_hash(sibling, reached)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            reached = node_hash(reached, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old_reached == old_root and reached == root
