"""JPEG: marker segments up to the first scan. XMP is an APP1, a manifest store one or more APP11 (ISO 19566-5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from governance.provenance.errors import CarrierError

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_LONG_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_EXIF = b"Exif\0\0"
_APP0, _APP1, _APP11, _SCAN = 0xE0, 0xE1, 0xEB, 0xDA
_MAX_PAYLOAD_BYTES = 65_533
_STORE = b"JP\x02\x11"
"""The mark of a JUMBF segment and the box instance number that the C2PA library writes."""


@dataclass(frozen=True, slots=True)
class _Segment:
    marker: int
    start: int
    payload_start: int
    end: int


def xmp_of(content: bytes) -> bytes | None:
    for segment in _segments(content):
        if _has(content, segment, _APP1, _XMP):
            return content[segment.payload_start + len(_XMP) : segment.end]
    return None


def with_xmp(content: bytes, packet: bytes) -> bytes:
    payload = _XMP + packet
    if len(payload) > _MAX_PAYLOAD_BYTES:
        raise CarrierError(f"an XMP packet of {len(packet)} bytes", f"at most {_MAX_PAYLOAD_BYTES - len(_XMP)} in JPEG")
    old = [s for s in _segments(content) if _has(content, s, _APP1, _XMP) or _has(content, s, _APP1, _LONG_XMP)]
    bare = _without(content, old)
    at = _after_leading_headers(bare)
    return b"".join((bare[:at], b"\xff\xe1", (len(payload) + 2).to_bytes(2, "big"), payload, bare[at:]))


def store_of(content: bytes) -> bytes | None:
    spans = _store_spans(content)
    return b"".join(content[start:end] for start, end in spans) if spans else None


def with_store(content: bytes, store: bytes) -> bytes:
    changed, taken = bytearray(content), 0
    for start, end in _store_spans(content):
        changed[start:end] = store[taken : taken + end - start]
        taken += end - start
    if taken != len(store):
        raise CarrierError(f"a manifest store of {len(store)} bytes", f"one of {taken}, as the file has room for")
    return bytes(changed)


def _segments(content: bytes) -> Iterator[_Segment]:
    """Every segment before the image data; after the first scan nothing we ask for may stand."""
    if content[:2] != b"\xff\xd8":
        raise CarrierError("no JPEG", "FF D8 at the start")
    at = 2
    while True:
        if content[at : at + 1] != b"\xff" or at + 4 > len(content):
            raise CarrierError(f"no JPEG marker at byte {at}", "an unbroken row of segments")
        marker, size = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        if marker == 0xFF:
            at += 1
            continue
        if marker == _SCAN:
            return
        end = at + 2 + size
        if size < 2 or end > len(content):
            raise CarrierError(f"a JPEG segment at byte {at} that ends outside the file", "a whole file")
        yield _Segment(marker, at, at + 4, end)
        at = end


def _has(content: bytes, segment: _Segment, marker: int, prefix: bytes) -> bool:
    return segment.marker == marker and content.startswith(prefix, segment.payload_start, segment.end)


def _without(content: bytes, segments: list[_Segment]) -> bytes:
    kept, at = [], 0
    for segment in segments:
        kept.append(content[at : segment.start])
        at = segment.end
    return b"".join((*kept, content[at:]))


def _after_leading_headers(content: bytes) -> int:
    """Behind JFIF and EXIF, where readers that only look at the beginning expect those two."""
    at = 2
    for segment in _segments(content):
        if segment.marker != _APP0 and not _has(content, segment, _APP1, _EXIF):
            break
        at = segment.end
    return at


def _store_spans(content: bytes) -> list[tuple[int, int]]:
    """Where the store's bytes lie. A continuation repeats the box header; its own bytes begin behind that."""
    spans: list[tuple[int, int]] = []
    box_header = b""
    for segment in _segments(content):
        if segment.marker != _APP11:
            continue
        expected = _STORE + (len(spans) + 1).to_bytes(4, "big") + box_header
        if not content.startswith(expected, segment.payload_start, segment.end):
            raise CarrierError(f"an unexpected JUMBF segment at byte {segment.start}", "the segments of one store")
        start = segment.payload_start + len(expected)
        box_header = box_header or content[start : start + 8]
        spans.append((start, segment.end))
    return spans
