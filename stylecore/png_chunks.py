"""PNG chunks that an encoder of bare pixels does not write."""

from __future__ import annotations

import zlib

_HEADER_END = 8 + 25
"""The signature and IHDR."""


def with_chunks(png: bytes, profile: bytes, exif: bytes | None, xmp: bytes | None) -> bytes:
    """The same pixels with profile, EXIF and XMP, each where PNG wants it: behind the header, before the pixels."""
    chunks = [_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile))]
    if exif:
        chunks.append(_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    if xmp:
        chunks.append(_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))
    return b"".join((png[:_HEADER_END], *chunks, png[_HEADER_END:]))


def _chunk(name: bytes, body: bytes) -> bytes:
    return b"".join((len(body).to_bytes(4, "big"), name, body, zlib.crc32(name + body).to_bytes(4, "big")))
