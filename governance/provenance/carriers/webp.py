"""WebP: RIFF chunks. XMP and a manifest store are chunks of their own; the VP8X header must announce the XMP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from governance.provenance.errors import CarrierError

_XMP_FLAG, _ALPHA_FLAG = 0x04, 0x10


@dataclass(frozen=True, slots=True)
class _Chunk:
    kind: bytes
    data_start: int
    data_end: int
    end: int

    @property
    def start(self) -> int:
        return self.data_start - 8


def xmp_of(content: bytes) -> bytes | None:
    for chunk in _chunks(content):
        if chunk.kind == b"XMP ":
            return content[chunk.data_start : chunk.data_end]
    return None


def with_xmp(content: bytes, packet: bytes) -> bytes:
    chunks = list(_chunks(content))
    if not chunks:
        raise CarrierError("a WebP without a chunk", "a whole WebP")
    kept = [content[c.start : c.end] for c in chunks if c.kind not in (b"XMP ", b"VP8X")]
    header = _written(b"VP8X", _extended_header(content, chunks[0]))
    body = b"".join((b"WEBP", header, *kept, _written(b"XMP ", packet)))
    return b"".join((b"RIFF", len(body).to_bytes(4, "little"), body))


def store_of(content: bytes) -> bytes | None:
    if (chunk := _store_chunk(content)) is None:
        return None
    if any(content[chunk.data_end : chunk.end]):
        raise CarrierError("a manifest store whose padding is not zero", "an unchanged chunk")
    return content[chunk.data_start : chunk.data_end]


def with_store(content: bytes, store: bytes) -> bytes:
    chunk = _store_chunk(content)
    room = 0 if chunk is None else chunk.data_end - chunk.data_start
    if chunk is None or room != len(store):
        raise CarrierError(f"a manifest store of {len(store)} bytes", f"one of {room}, as the file has room for")
    return b"".join((content[: chunk.data_start], store, content[chunk.data_end :]))


def _store_chunk(content: bytes) -> _Chunk | None:
    found = [chunk for chunk in _chunks(content) if chunk.kind == b"C2PA"]
    if len(found) > 1:
        raise CarrierError(f"{len(found)} manifest stores", "one")
    return found[0] if found else None


def _chunks(content: bytes) -> Iterator[_Chunk]:
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        raise CarrierError("no WebP", "a RIFF file of the form WEBP")
    file_end = 8 + int.from_bytes(content[4:8], "little")
    if file_end > len(content):
        raise CarrierError(f"a WebP of {len(content)} bytes that says it has {file_end}", "a whole file")
    at = 12
    while at < file_end:
        data_end = at + 8 + int.from_bytes(content[at + 4 : at + 8], "little")
        end = data_end + data_end % 2
        if end > file_end:
            raise CarrierError(f"a WebP chunk at byte {at} that ends outside the file", "a whole file")
        yield _Chunk(content[at : at + 4], at + 8, data_end, end)
        at = end


def _extended_header(content: bytes, first: _Chunk) -> bytes:
    """The header there is with the XMP flag set, or the one that the bare bitstream would have had."""
    data = content[first.data_start : first.data_end]
    if first.kind == b"VP8X" and len(data) == 10:
        return bytes([data[0] | _XMP_FLAG]) + data[1:]
    if first.kind == b"VP8L" and len(data) >= 5 and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        alpha = _ALPHA_FLAG if bits >> 28 & 1 else 0
        return _canvas(alpha | _XMP_FLAG, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if first.kind == b"VP8 " and len(data) >= 10 and data[3:6] == b"\x9d\x01\x2a":
        sides = int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF
        if all(sides):
            return _canvas(_XMP_FLAG, *sides)
    raise CarrierError(f"a WebP that begins with a chunk {first.kind!r}", "VP8, VP8L or VP8X")


def _canvas(flags: int, width_px: int, height_px: int) -> bytes:
    return bytes([flags, 0, 0, 0]) + (width_px - 1).to_bytes(3, "little") + (height_px - 1).to_bytes(3, "little")


def _written(kind: bytes, data: bytes) -> bytes:
    return b"".join((kind, len(data).to_bytes(4, "little"), data, b"\0" * (len(data) % 2)))
