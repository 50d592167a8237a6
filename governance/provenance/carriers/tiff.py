"""TIFF: a directory of tags. XMP is tag 700, a manifest store tag 52545, both of the first image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from governance.provenance.errors import CarrierError

_XMP_TAG, _STORE_TAG = 700, 52545
_BYTE, _UNDEFINED = 1, 7
_ENTRY_BYTES = 12

_ByteOrder = Literal["little", "big"]


@dataclass(frozen=True, slots=True)
class _Directory:
    """The first directory: its entries as they are written, and where the next one begins."""

    order: _ByteOrder
    entries: tuple[bytes, ...]
    next_directory: bytes

    def entry(self, tag: int) -> bytes | None:
        found = [entry for entry in self.entries if self.tag_of(entry) == tag]
        if len(found) > 1:
            raise CarrierError(f"tag {tag} {len(found)} times", "each tag once")
        return found[0] if found else None

    def tag_of(self, entry: bytes) -> int:
        return int.from_bytes(entry[:2], self.order)


def xmp_of(content: bytes) -> bytes | None:
    return _value_of(content, _XMP_TAG)


def with_xmp(content: bytes, packet: bytes) -> bytes:
    """The packet and a new first directory go to the end; whatever was there stays at its place, pixels above all."""
    directory = _first_directory(content)
    order = directory.order
    body = _even(_even(content) + packet)
    packet_at, directory_at = len(_even(content)), len(body)
    kept = [entry for entry in directory.entries if directory.tag_of(entry) != _XMP_TAG]
    kept.append(
        _number(_XMP_TAG, 2, order)
        + _number(_BYTE, 2, order)
        + _number(len(packet), 4, order)
        + _number(packet_at, 4, order)
    )
    kept.sort(key=directory.tag_of)
    written = _number(len(kept), 2, order) + b"".join(kept) + directory.next_directory
    return b"".join((content[:4], _number(directory_at, 4, order), body[8:], written))


def store_of(content: bytes) -> bytes | None:
    return _value_of(content, _STORE_TAG)


def with_store(content: bytes, store: bytes) -> bytes:
    span = _span_of(content, _STORE_TAG)
    room = 0 if span is None else span[1] - span[0]
    if span is None or room != len(store):
        raise CarrierError(f"a manifest store of {len(store)} bytes", f"one of {room}, as the file has room for")
    return b"".join((content[: span[0]], store, content[span[1] :]))


def _value_of(content: bytes, tag: int) -> bytes | None:
    span = _span_of(content, tag)
    return None if span is None else content[span[0] : span[1]]


def _span_of(content: bytes, tag: int) -> tuple[int, int] | None:
    directory = _first_directory(content)
    if (entry := directory.entry(tag)) is None:
        return None
    kind = int.from_bytes(entry[2:4], directory.order)
    size = int.from_bytes(entry[4:8], directory.order)
    start = int.from_bytes(entry[8:12], directory.order)
    if kind not in (_BYTE, _UNDEFINED) or size <= 4 or start + size > len(content):
        raise CarrierError(f"tag {tag} with a value that is not bytes inside the file", "a whole file")
    return start, start + size


def _first_directory(content: bytes) -> _Directory:
    order: _ByteOrder = "little" if content[:2] == b"II" else "big"
    if content[:4] not in (b"II*\0", b"MM\0*"):
        raise CarrierError("no TIFF (or a BigTIFF)", "a classic TIFF header")
    at = int.from_bytes(content[4:8], order)
    count = int.from_bytes(content[at : at + 2], order)
    end = at + 2 + count * _ENTRY_BYTES
    if at < 8 or not count or end + 4 > len(content):
        raise CarrierError("a TIFF whose first directory lies outside the file", "a whole file")
    entries = tuple(content[start : start + _ENTRY_BYTES] for start in range(at + 2, end, _ENTRY_BYTES))
    return _Directory(order, entries, content[end : end + 4])


def _number(value: int, size: int, order: _ByteOrder) -> bytes:
    try:
        return value.to_bytes(size, order)
    except OverflowError as error:
        raise CarrierError("a TIFF that would grow past 4 GB", "a smaller file") from error


def _even(content: bytes) -> bytes:
    return content + b"\0" * (len(content) % 2)
