"""XMP and IPTC: what people wrote about a picture stays with it; what described the old file does not.

An allowlist of vocabularies, for the same reason as in ``exif``: edit histories, raw settings, sizes and thumbnails
speak of a file that is being replaced.
"""

from __future__ import annotations

from typing import Literal
from xml.etree import ElementTree

from PIL import Image

Gps = Literal["keep", "drop"]

_MAX_READ_BYTES = 500_000
_MAX_KEPT_BYTES = 32_000
"""Our own packet goes beside it, and a JPEG segment holds 65,533 bytes."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_META = "adobe:ns:meta/"
_XMP, _EXIF = "http://ns.adobe.com/xap/1.0/", "http://ns.adobe.com/exif/1.0/"
_IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_VOCABULARIES = {
    "dc": _DUBLIN_CORE,
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "photoshop": _PHOTOSHOP,
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": _IPTC_EXTENSION,
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "cc": "http://creativecommons.org/ns#",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
}
_OF_THE_OLD_FILE = frozenset(
    {f"{{{_DUBLIN_CORE}}}{name}" for name in ("format", "title")}  # the result has a title of its own
    | {f"{{{_IPTC_EXTENSION}}}DigitalSourceType"}
    | {f"{{{_PHOTOSHOP}}}{name}" for name in ("ColorMode", "ICCProfile", "History", "DocumentAncestors", "TextLayers")}
)
_KEPT_XMP = frozenset(f"{{{_XMP}}}{name}" for name in ("CreateDate", "Label", "Rating"))
_IPTC_RESOURCE, _XMP_RESOURCE = 1028, 1060
_IPTC_TAG, _XMP_TAG = 33723, 700

for _prefix, _uri in {**_VOCABULARIES, "rdf": _RDF, "xmp": _XMP, "exif": _EXIF}.items():
    ElementTree.register_namespace(_prefix, _uri)


def descriptions_of(image: Image.Image, gps: Gps) -> tuple[bytes | None, bytes | None, tuple[str, ...]]:
    """The XMP and the IPTC to keep, and a note where there was more. Neither ever costs a picture."""
    try:
        packet = _xmp_packet(image)
        return kept_xmp(packet, gps) if packet else None, _iptc(image), ()
    except Exception:
        return None, _iptc(image), ("the XMP data is malformed and was dropped",)


def kept_xmp(packet: bytes, gps: Gps) -> bytes | None:
    """What is kept of it, as a packet of one description; ``None`` when nothing is, any exception when malformed."""
    if len(packet) > _MAX_READ_BYTES or b"<!" in packet:  # without a document type no entity can be declared
        raise ValueError(f"XMP of {len(packet)} bytes, or with declarations")
    root = ElementTree.fromstring(packet.rstrip(b"\0"))  # noqa: S314  (no entities, bounded size)
    kept = ElementTree.Element(f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})
    for description in root.iter(f"{{{_RDF}}}Description"):
        _take_over(description, kept, gps)
    if not len(kept) and len(kept.attrib) == 1:
        return None
    written = _packet(kept)
    if len(written) > _MAX_KEPT_BYTES:
        raise ValueError(f"XMP of {len(written)} bytes")
    return written


def _take_over(description: ElementTree.Element, kept: ElementTree.Element, gps: Gps) -> None:
    """Each property once: RDF allows no more. A description inside another one belongs to its property."""
    if description.get(f"{{{_RDF}}}about") is None:
        return
    taken = {*kept.attrib, *(each.tag for each in kept)}
    for name, value in description.attrib.items():
        if _is_kept(name, gps) and name not in taken:
            kept.set(name, value)
    for each in description:
        if _is_kept(each.tag, gps) and each.tag not in taken:
            each.tail = None
            kept.append(each)


def _is_kept(name: str, gps: Gps) -> bool:
    vocabulary, _, local = name.removeprefix("{").partition("}")
    if vocabulary == _EXIF:
        return gps == "keep" and local.startswith("GPS")
    return name in _KEPT_XMP or (vocabulary in _VOCABULARIES.values() and name not in _OF_THE_OLD_FILE)


def _packet(description: ElementTree.Element) -> bytes:
    """The description declares its own vocabularies: so it can be taken over into another packet as it stands."""
    body = ElementTree.tostring(description, encoding="unicode")
    meta = f'<x:xmpmeta xmlns:x="{_META}">\n<rdf:RDF xmlns:rdf="{_RDF}">\n{body}\n</rdf:RDF>\n</x:xmpmeta>'
    return f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n{meta}\n<?xpacket end="r"?>'.encode()


def _xmp_packet(image: Image.Image) -> bytes | None:
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or _resource(image, _XMP_RESOURCE)
    if image.format == "TIFF":
        found = image.tag_v2.get(_XMP_TAG)  # type: ignore[attr-defined]
    return found.encode() if isinstance(found, str) else found


def _iptc(image: Image.Image) -> bytes | None:
    """The IPTC block, which JPEG, TIFF and Photoshop files have. It is copied and never read."""
    found = _resource(image, _IPTC_RESOURCE)
    if image.format == "TIFF":
        found = image.tag_v2.get(_IPTC_TAG)  # type: ignore[attr-defined]
    if not isinstance(found, bytes) or not found.startswith(b"\x1c") or len(found) > _MAX_KEPT_BYTES:
        return None
    return found


def _resource(image: Image.Image, number: int) -> bytes | None:
    """One of Photoshop's image resources, which JPEG carries as well."""
    if image.format == "PSD":
        return next((data for found, _, data in image.resources if found == number), None)  # type: ignore[attr-defined]
    resources = image.info.get("photoshop")
    found = resources.get(number) if isinstance(resources, dict) else None
    return found if isinstance(found, bytes) else None
