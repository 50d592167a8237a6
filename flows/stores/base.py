"""What every store can do. A new kind of store is one module that keeps these promises; the contract tests say how."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from stylecore.data import Asset, AssetFacts, AssetRef, Digest

MAX_ASSET_BYTES = 200_000_000
"""What is read into memory in one piece unless the caller says otherwise."""


@dataclass(frozen=True, slots=True)
class Put:
    """What became of a write: ``created`` is false when the very same content was there already."""

    created: bool
    uri: str


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of a removal: ``was_there`` is false when the key was empty already.

    ``older_versions`` says that the store keeps what was there, out of sight, for those who may read old versions.
    """

    was_there: bool
    older_versions: bool = False


class Store(Protocol):
    """Holds assets and renditions under keys: plain relative paths with ``/`` between their parts.

    All methods may be called from many threads. What breaks is a ``StoreError``.
    """

    @property
    def name(self) -> str: ...

    def list(self, globs: Sequence[str] = (), after_key: str | None = None) -> Iterator[AssetRef]:
        """Every asset that the globs select, in the order of its key's code points, strictly after ``after_key``.

        Lazy and bounded in memory. Hidden files, sidecars and our own statements are no assets.
        """
        ...

    def find(self, key: str) -> AssetRef:
        """The current version of one key."""
        ...

    def facts(self, ref: AssetRef) -> AssetFacts:
        """What the store knows of the asset; ``StoreFactsError`` when it is not to be understood."""
        ...

    def fetch(self, ref: AssetRef, max_bytes: int = MAX_ASSET_BYTES) -> Asset:
        """The bytes of exactly this version, or ``StoreChanged``."""
        ...

    def digest(self, ref: AssetRef) -> Digest:
        """The sha256 of exactly this version, whatever its size, without holding it in memory."""
        ...

    def read_range(self, ref: AssetRef, start: int, stop: int) -> bytes:
        """Bytes ``start`` up to, not including, ``stop``; fewer where the content ends before."""
        ...

    def put_new(self, key: str, content: bytes, *, digest: Digest, media_type: str, metadata: Mapping[str, str]) -> Put:
        """Create the key, whole or not at all, never overwriting; read it back and compare.

        The same content under the key already: ``created`` is false. Other content: ``StoreConflict``.
        """
        ...

    def remove(self, key: str, *, digest: Digest) -> Removed:
        """Take away what the key holds, if these are its bytes, and look again that it is gone.

        Other content: ``StoreChanged``, and it stays. Nothing there: that is no error.
        """
        ...

    def read(self, key: str, max_bytes: int = MAX_ASSET_BYTES) -> bytes:
        """What the key holds now."""
        ...

    def exists(self, key: str) -> bool: ...

    def uri(self, key: str) -> str: ...
