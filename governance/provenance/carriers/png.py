"""PNG: chunks with a checksum each. XMP is an iTXt of a known keyword, a manifest store the caBX chunk."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from governance.provenance.errors import CarrierError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP = b"XML:com.adobe.xmp\0"
_PLAIN = b"\0\0\0\0"
"""Not compressed, compression method 0, no language, no translated keyword."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    kind: bytes
    start: int
    data_start: int
    data_end: int
    end: int


def xmp_of(content: bytes) -> bytes | None:
    for chunk in _chunks(content):
        if _is_xmp(content, chunk):
            data = content[chunk.data_start + len(_XMP) : chunk.data_end]
            if not data.startswith(_PLAIN):
                raise CarrierError("a compressed or translated XMP chunk", "plain XMP")
            return data[len(_PLAIN) :]
    return None


def with_xmp(content: bytes, packet: bytes) -> bytes:
    kept = [content[c.start : c.end] for c in _chunks(content) if not _is_xmp(content, c)]
    if not kept or kept[0][4:8] != b"IHDR":
        raise CarrierError("a PNG that does not begin with IHDR", "a whole PNG")
    return b"".join((SIGNATURE, kept[0], _written(b"iTXt", _XMP + _PLAIN + packet), *kept[1:]))


def store_of(content: bytes) -> bytes | None:
    if (chunk := _store_chunk(content)) is None:
        return None
    if content[chunk.data_end : chunk.end] != _checksum(b"caBX", content[chunk.data_start : chunk.data_end]):
        raise CarrierError("a manifest store whose checksum is wrong", "an unchanged chunk")
    return content[chunk.data_start : chunk.data_end]


def with_store(content: bytes, store: bytes) -> bytes:
    chunk = _store_chunk(content)
    room = 0 if chunk is None else chunk.data_end - chunk.data_start
    if chunk is None or room != len(store):
        raise CarrierError(f"a manifest store of {len(store)} bytes", f"one of {room}, as the file has room for")
    return b"".join((content[: chunk.start], _written(b"caBX", store), content[chunk.end :]))


def _store_chunk(content: bytes) -> _Chunk | None:
    found = [chunk for chunk in _chunks(content) if chunk.kind == b"caBX"]
    if len(found) > 1:
        raise CarrierError(f"{len(found)} manifest stores", "one")
    return found[0] if found else None


def _chunks(content: bytes) -> Iterator[_Chunk]:
    if not content.startswith(SIGNATURE):
        raise CarrierError("no PNG", "the PNG signature")
    at = len(SIGNATURE)
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        end = at + 12 + size
        if end > len(content):
            raise CarrierError(f"a PNG chunk at byte {at} that ends outside the file", "a whole file")
        yield _Chunk(content[at + 4 : at + 8], at, at + 8, end - 4, end)
        at = end


def _is_xmp(content: bytes, chunk: _Chunk) -> bool:
    return chunk.kind == b"iTXt" and content.startswith(_XMP, chunk.data_start, chunk.data_end)


def _checksum(kind: bytes, data: bytes) -> bytes:
    return zlib.crc32(data, zlib.crc32(kind)).to_bytes(4, "big")


def _written(kind: bytes, data: bytes) -> bytes:
    return b"".join((len(data).to_bytes(4, "big"), kind, data, _checksum(kind, data)))
