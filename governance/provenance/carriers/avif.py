"""AVIF: boxes, as in MP4. XMP is a uuid box of its own at the end, a manifest store a uuid box behind the first.

Nothing before the pixels may be moved by us, since the file says where they are; the C2PA library, which puts its box
there, corrects that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from governance.provenance.errors import CarrierError

_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_STORE = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_STORE_FRAME = bytes(4) + b"manifest\0" + bytes(8)
"""Version and flags, what the box is for, and that no further hashes lie elsewhere."""
_ORDER = (b"ftyp", _STORE, b"meta", b"mdat", _XMP)
_BRANDS = (b"", b"MA1B", b"MA1A")


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    """Four letters, or the sixteen bytes of a uuid."""
    start: int
    data_start: int
    end: int


def is_avif(content: bytes) -> bool:
    return content[4:12] == b"ftypavif"


def xmp_of(content: bytes) -> bytes | None:
    found = [box for box in _boxes(content) if box.kind == _XMP]
    if len(found) > 1:
        raise CarrierError(f"{len(found)} XMP packets", "one")
    return content[found[0].data_start : found[0].end] if found else None


def with_xmp(content: bytes, packet: bytes) -> bytes:
    boxes = list(_boxes(content))
    kept = boxes[:-1] if boxes and boxes[-1].kind == _XMP else boxes
    if any(box.kind == _XMP for box in kept):
        raise CarrierError("an XMP packet in front of other boxes", "one at the end, as we write it")
    whole = content[: kept[-1].end]
    return b"".join((whole, (24 + len(packet)).to_bytes(4, "big"), b"uuid", _XMP, packet))


def store_of(content: bytes) -> bytes | None:
    if (box := _store_box(content)) is None:
        return None
    _check_unhashed(content)
    return content[box.data_start + len(_STORE_FRAME) : box.end]


def with_store(content: bytes, store: bytes) -> bytes:
    box = _store_box(content)
    start = 0 if box is None else box.data_start + len(_STORE_FRAME)
    if box is None or box.end - start != len(store):
        raise CarrierError(f"a manifest store of {len(store)} bytes", "one of the length that the file has room for")
    return b"".join((content[:start], store, content[box.end :]))


def _store_box(content: bytes) -> _Box | None:
    found = [box for box in _boxes(content) if box.kind == _STORE]
    if len(found) > 1:
        raise CarrierError(f"{len(found)} manifest stores", "one")
    if found and not content.startswith(_STORE_FRAME, found[0].data_start, found[0].end):
        raise CarrierError("a manifest store in a frame that we do not write", "an unchanged box")
    return found[0] if found else None


def _check_unhashed(content: bytes) -> None:
    """C2PA hashes neither the box of brands nor boxes that are free space: so only what we write is accepted."""
    size = int.from_bytes(content[:4], "big")
    if content[4:size] not in (b"ftypavif\0\0\0\0avifmif1miaf" + brand for brand in _BRANDS):
        raise CarrierError("brands that our encoder does not write", "an unchanged box")
    kinds = tuple(box.kind for box in _boxes(content))
    if kinds not in (_ORDER, _ORDER[:-1]):
        raise CarrierError("boxes that we do not write", "brands, manifest store, directory, pixels and XMP")


def _boxes(content: bytes) -> Iterator[_Box]:
    if not is_avif(content):
        raise CarrierError("no AVIF", "a box of brands that begins with avif")
    at = 0
    while at < len(content):
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        data_start = at + 8
        if kind == b"uuid":
            kind, data_start = content[at + 8 : at + 24], at + 24
        end = at + size
        if end < data_start or end > len(content):
            raise CarrierError(f"an AVIF box at byte {at} that ends outside the file", "a whole file")
        yield _Box(kind, at, data_start, end)
        at = end
