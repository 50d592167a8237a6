"""Which carrier reads these bytes. Decided by the bytes themselves, never by a name or a header that came with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from governance.provenance.carriers import avif, jpeg, png, tiff, webp
from governance.provenance.errors import CarrierError


class Carrier(Protocol):
    """What every module of this package can do."""

    def xmp_of(self, content: bytes) -> bytes | None:
        """The XMP packet, if the file has one."""

    def with_xmp(self, content: bytes, packet: bytes) -> bytes:
        """The same file with this packet in the place of any other."""

    def store_of(self, content: bytes) -> bytes | None:
        """The C2PA manifest store, if the file has one."""

    def with_store(self, content: bytes, store: bytes) -> bytes:
        """The same file with a store of the same length in the place of the one it has."""


CARRIERS: Mapping[str, Carrier] = {
    "image/jpeg": jpeg,
    "image/png": png,
    "image/webp": webp,
    "image/tiff": tiff,
    "image/avif": avif,
}


def media_type_of(content: bytes) -> str | None:
    """The media type these bytes begin as, or ``None`` where it is not a format we write."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(png.SIGNATURE):
        return "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[:4] in (b"II*\0", b"MM\0*"):
        return "image/tiff"
    if avif.is_avif(content):
        return "image/avif"
    return None


def carrier_of(content: bytes) -> Carrier:
    if (media_type := media_type_of(content)) is None:
        raise CarrierError("bytes of no format we know", f"one of {', '.join(CARRIERS)}")
    return CARRIERS[media_type]
