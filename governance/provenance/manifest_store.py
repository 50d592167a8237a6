"""The C2PA manifest store, box by box, read as strictly as we write it.

C2PA hashes what a manifest says, but not the frames around it: box labels, toggles, the padding behind the signature.
About a thousand bytes can be changed without a verifier noticing. Reading our own manifests strictly leaves those
bytes no second spelling, so that a change anywhere is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from governance.provenance.errors import CarrierError

SALT_BYTES = 16
_TYPE_TAIL = bytes.fromhex("00110010800000aa00389b71")
_SALT_HEADER = b"\0\0\0\x18c2sh"
_PLAIN, _SALTED = b"\x03", b"\x13"
_MAX_DEPTH = 8
_PADDING = (b"pad", b"pad2")
_TIME_STAMPS_AND_REVOCATION = (b"sigTst", b"sigTst2", b"rVals")


@dataclass(frozen=True, slots=True)
class Box:
    """A labelled box: where it lies in the store, where its label ends and, if it has one, where its salt is."""

    label: str
    start: int
    content_start: int
    end: int
    salt_start: int | None


@dataclass(frozen=True, slots=True)
class OurManifest:
    """The boxes of a manifest we made: it is the last of its store, and holds these three in this order."""

    assertions: tuple[Box, ...]
    claim: Box
    signature: Box
    protected_header: tuple[int, int]
    inbound: bytes
    """The manifests that came in with the parent, frames and all."""


def our_manifest(store: bytes, label: str) -> OurManifest:
    """The manifest of that label, or a ``CarrierError`` if a single frame byte is not as we write it."""
    top = _box(store, 0, len(store), b"c2pa", "c2pa")
    *_, last = _manifests(store, top)
    ours = _box(store, *last, b"c2ma", label)
    parts = _children(store, ours)
    if len(parts) != 3:
        raise CarrierError(f"a manifest of {len(parts)} parts", "assertions, claim and signature")
    assertions = _box(store, *parts[0], b"c2as", "c2pa.assertions")
    claim = _box(store, *parts[1], b"c2cl", "c2pa.claim.v2")
    signature = _box(store, *parts[2], b"c2cs", "c2pa.signature")
    _single_content(store, claim)
    cose_start = _single_content(store, signature)
    start, end = _check_signature(store[cose_start : signature.end])
    boxes = tuple(_assertion(store, span) for span in _children(store, assertions))
    header = (cose_start + start, cose_start + end)
    return OurManifest(boxes, claim, signature, header, store[top.content_start : ours.start])


def _frame(store: bytes, at: int, limit: int) -> tuple[bytes, int]:
    """The kind of the box at this place and where it ends."""
    size = int.from_bytes(store[at : at + 4], "big")
    if size < 8 or at + size > limit:
        raise CarrierError(f"a manifest box at byte {at} that ends outside its parent", "a whole manifest store")
    return store[at + 4 : at + 8], at + size


def _superbox(store: bytes, at: int, end: int) -> Box:
    kind, box_end = _frame(store, at, end)
    description, description_end = _frame(store, at + 8, end)
    label_end = store.find(b"\0", at + 33, description_end)
    if (kind, description, box_end) != (b"jumb", b"jumd", end) or label_end < 0:
        raise CarrierError(f"something other than a labelled box at byte {at}", "a whole manifest store")
    label = store[at + 33 : label_end].decode("ascii", "replace")
    salt_start = _salt_start(store, at + 32, label_end + 1, description_end)
    return Box(label, at, description_end, end, salt_start)


def _salt_start(store: bytes, toggles_at: int, label_end: int, end: int) -> int | None:
    toggles, rest = store[toggles_at : toggles_at + 1], store[label_end:end]
    if toggles == _PLAIN and not rest:
        return None
    if toggles == _SALTED and rest.startswith(_SALT_HEADER) and len(rest) == len(_SALT_HEADER) + SALT_BYTES:
        return label_end + len(_SALT_HEADER)
    raise CarrierError(f"a box description at byte {toggles_at} that we do not write", "a label and perhaps a salt")


def _box(store: bytes, at: int, end: int, kind: bytes, label: str) -> Box:
    box = _superbox(store, at, end)
    if store[at + 16 : at + 32] != kind + _TYPE_TAIL or box.label != label or box.salt_start is not None:
        raise CarrierError(f"a box {box.label[:80]!r} at byte {at}", f"{label}")
    return box


def _assertion(store: bytes, span: tuple[int, int]) -> Box:
    box = _superbox(store, *span)
    _single_content(store, box)
    return box


def _manifests(store: bytes, top: Box) -> list[tuple[int, int]]:
    if not (spans := _children(store, top)):
        raise CarrierError("a manifest store without a manifest", "at least one")
    return spans


def _children(store: bytes, box: Box) -> list[tuple[int, int]]:
    spans, at = [], box.content_start
    while at < box.end:
        _, end = _frame(store, at, box.end)
        spans.append((at, end))
        at = end
    return spans


def _single_content(store: bytes, box: Box) -> int:
    """Where the bytes of the one content box begin."""
    spans = _children(store, box)
    if len(spans) != 1 or store[spans[0][0] + 4 : spans[0][0] + 8] not in (b"cbor", b"json"):
        raise CarrierError(f"the box {box.label[:80]!r} with {len(spans)} contents", "one, of CBOR or JSON")
    return spans[0][0] + 8


def _check_signature(cose: bytes) -> tuple[int, int]:
    """Where the protected header of this COSE_Sign1 is; outside it only padding and time stamps may stand."""
    start = _expect(cose, 0, b"\xd2\x84")
    end = _skip(cose, start, 0)
    kind, count, at = _head(cose, end)
    if kind != 5:
        raise CarrierError("a signature without an unprotected header", "a COSE_Sign1")
    for _ in range(count):
        at = _check_unprotected(cose, at)
    at = _expect(cose, at, b"\xf6")
    kind, _, _ = _head(cose, at)
    if kind != 2 or _skip(cose, at, 0) != len(cose):
        raise CarrierError("bytes behind the signature", "a COSE_Sign1 that ends with it")
    return start, end


def _check_unprotected(cose: bytes, at: int) -> int:
    key, value_at = cose[at + 1 : _skip(cose, at, 0)], _skip(cose, at, 0)
    end = _skip(cose, value_at, 0)
    kind, size, start = _head(cose, value_at)
    if cose[at] >> 5 == 3 and key in _TIME_STAMPS_AND_REVOCATION:
        return end
    if cose[at] >> 5 == 3 and key in _PADDING and kind == 2 and not any(cose[start : start + size]):
        return end
    raise CarrierError("an unsigned header entry beside the signature", "padding with zeros, or a time stamp")


def _expect(cose: bytes, at: int, expected: bytes) -> int:
    if not cose.startswith(expected, at):
        raise CarrierError(f"a signature that is not a COSE_Sign1 at its byte {at}", expected.hex())
    return at + len(expected)


def _head(cose: bytes, at: int) -> tuple[int, int, int]:
    """The kind of the CBOR item here, its number (a length, a count or a value) and where its content begins."""
    first = cose[at] if at < len(cose) else 0xFF
    kind, short = first >> 5, first & 0x1F
    if short < 24:
        return kind, short, at + 1
    if short > 27 or at + 1 + (1 << short - 24) > len(cose):
        raise CarrierError(f"an unreadable signature at its byte {at}", "a COSE_Sign1")
    end = at + 1 + (1 << short - 24)
    return kind, int.from_bytes(cose[at + 1 : end], "big"), end


def _skip(cose: bytes, at: int, depth: int) -> int:
    """Where the CBOR item that begins here ends."""
    kind, number, end = _head(cose, at)
    if kind in (2, 3):
        end += number
    inner = {4: number, 5: 2 * number, 6: 1}.get(kind, 0)
    if end > len(cose) or inner > len(cose) or depth > _MAX_DEPTH:
        raise CarrierError(f"an unreadable signature at its byte {at}", "a COSE_Sign1")
    for _ in range(inner):
        end = _skip(cose, end, depth + 1)
    return end
