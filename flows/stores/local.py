"""A folder as a store. Facts come from a ``_restyle.csv`` beside the files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from flows.stores import folder_remove, folder_write
from flows.stores.base import MAX_ASSET_BYTES, Put, Removed
from flows.stores.errors import IntegrityError, StoreChanged, StoreConflict, StoreError, StoreNotFound
from flows.stores.folder_names import path_on_disk
from flows.stores.folder_open import file_beneath, names_on_disk, os_errors_told
from flows.stores.folder_walk import walk
from flows.stores.reading import digested, gathered, refuse_other_content, too_large
from flows.stores.selection import Selection
from flows.stores.sidecar import Sidecars
from flows.stores.spec import FolderSpec, Secrets
from stylecore.data import Asset, AssetFacts, AssetRef, Digest

NAMES_PER_PAGE = 100_000
"""How many names of one folder are in memory at a time: some 20 MB."""

_PIECE_BYTES = 1 << 20


def open_from(spec: FolderSpec, secrets: Secrets) -> "FolderStore":
    if secrets:
        raise StoreError("credentials for a folder", "none", "Remove them from the settings.")
    return FolderStore(spec.path, spec.label)


class FolderStore:
    """Nothing but the names is remembered between calls, so threads and processes may share a folder."""

    def __init__(self, path: Path, name: str = "", names_per_page: int = NAMES_PER_PAGE) -> None:
        self._names_per_page = names_per_page
        with os_errors_told(path):
            self._root = path.resolve(strict=True)
            if not self._root.is_dir():
                raise StoreNotFound(f"{str(path)!r} is not a folder", "a folder", "Check the path of the store.")
        self._name = name or str(self._root)
        self._root_uri = self._root.as_uri().rstrip("/")
        self._sidecars = Sidecars(self._root)
        folder_write.remove_abandoned(self._root)

    @property
    def name(self) -> str:
        return self._name

    def list(self, globs: Sequence[str] = (), after_key: str | None = None) -> Iterator[AssetRef]:
        for key, status in walk(self._root, Selection.of(globs), after_key or "", self._names_per_page):
            yield self._ref(key, status)

    def find(self, key: str) -> AssetRef:
        with file_beneath(self._root, key) as file:
            return self._ref(key, os.fstat(file))

    def exists(self, key: str) -> bool:
        try:
            self.find(key)
        except StoreNotFound:
            return False
        return True

    def uri(self, key: str) -> str:
        return f"{self._root_uri}/{quote(os.fsencode(path_on_disk(key)))}"

    def facts(self, ref: AssetRef) -> AssetFacts:
        return self._sidecars.facts(ref.key)

    def fetch(self, ref: AssetRef, max_bytes: int = MAX_ASSET_BYTES) -> Asset:
        if ref.size_bytes > max_bytes:
            raise too_large(repr(ref.key), max_bytes)
        with self._unchanged(ref) as file:
            content, digest = gathered(_pieces(file), max_bytes, repr(ref.key))
        return Asset(ref, content, digest)

    def digest(self, ref: AssetRef) -> Digest:
        with self._unchanged(ref) as file:
            return digested(_pieces(file))

    def read_range(self, ref: AssetRef, start: int, stop: int) -> bytes:
        with self._unchanged(ref) as file:
            return b"".join(_pieces(file, start, stop))

    def read(self, key: str, max_bytes: int = MAX_ASSET_BYTES) -> bytes:
        with file_beneath(self._root, key) as file:
            return gathered(_pieces(file), max_bytes, repr(key))[0]

    def put_new(self, key: str, content: bytes, *, digest: Digest, media_type: str, metadata: Mapping[str, str]) -> Put:
        """A folder has nowhere to keep the media type and metadata; the statement beside the file says them."""
        refuse_other_content(content, digest, key)
        names = names_on_disk(key)
        with os_errors_told(self._root / key):
            created = not self._is_taken(key) and folder_write.create(self._root, names, content)
        found = self._digest_now(key)
        if found == digest:
            return Put(created, self.uri(key))
        if created:
            raise IntegrityError(f"{key!r} reads back as {found}", str(digest), "Check the disk.")
        raise StoreConflict(
            f"{key!r} is taken by content with the digest {found}",
            f"nothing there, or {digest}",
            "Publish under another key, or remove the file first.",
        )

    def remove(self, key: str, *, digest: Digest) -> Removed:
        names = names_on_disk(key)
        with os_errors_told(self._root / key):
            was_there = folder_remove.remove(self._root, names, digest, lambda file: digested(_pieces(file)))
        if was_there and self.exists(key):
            raise StoreChanged(f"{key!r} was written anew while it was removed", "nothing there", "Look who writes it.")
        return Removed(was_there)

    def _is_taken(self, key: str) -> bool:
        """A cheap look first: what is there already need not be written again to find that out."""
        try:
            return self.exists(key)
        except StoreError:
            return True

    def _digest_now(self, key: str) -> Digest:
        try:
            with file_beneath(self._root, key) as file:
                return digested(_pieces(file))
        except StoreNotFound as problem:
            taken = StoreConflict(f"{key!r} is taken by a folder", "a free name", "Publish under another key.")
            raise taken from problem

    @contextmanager
    def _unchanged(self, ref: AssetRef) -> Iterator[int]:
        """The file of that version, which must still be that version after the last byte has been read."""
        with file_beneath(self._root, ref.key) as file:
            _refuse_other_version(ref, os.fstat(file))
            yield file
            _refuse_other_version(ref, os.fstat(file))

    def _ref(self, key: str, status: os.stat_result) -> AssetRef:
        return AssetRef(self._name, key, _version(status), status.st_size, _modified_at(status), self.uri(key))


def _modified_at(status: os.stat_result) -> datetime | None:
    try:
        return datetime.fromtimestamp(status.st_mtime, UTC)
    except (OverflowError, ValueError, OSError):  # a file may claim a time of no calendar
        return None


def _version(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"


def _refuse_other_version(ref: AssetRef, status: os.stat_result) -> None:
    if _version(status) != ref.version:
        raise StoreChanged(
            f"{ref.key!r} has changed since it was listed",
            f"version {ref.version}",
            "Plan again; it will be seen anew.",
        )


def _pieces(file: int, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    at = start
    while stop is None or at < stop:
        piece = os.pread(file, _PIECE_BYTES if stop is None else min(_PIECE_BYTES, stop - at), at)
        if not piece:
            return
        yield piece
        at += len(piece)
