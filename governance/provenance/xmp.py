"""The XMP packet: what photo tools and picture agencies read. It is written before signing, so the signature covers it.

XMP proves nothing by itself. It says in the IPTC's word that trained models had a part in the picture, and names the
statement that the content credentials prove.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from governance.provenance.carriers.formats import carrier_of
from governance.provenance.errors import CarrierError
from governance.provenance.reading import is_plain
from governance.provenance.statement import Statement
from stylecore.data import Digest

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DC = "http://purl.org/dc/elements/1.1/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_RESTYLE = "https://restyle.dev/ns/xmp/1.0/"
_MAX_PACKET_BYTES = 1_000_000
_MAX_KEPT_BYTES = 33_000

_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="{rdf}">
<rdf:Description rdf:about="" xmlns:dc="{dc}" xmlns:xmp="{xmp}" xmlns:Iptc4xmpExt="{iptc}" xmlns:restyle="{restyle}"
 xmp:CreatorTool={tool} Iptc4xmpExt:DigitalSourceType={source_type} restyle:Style={style} restyle:Statement={statement}>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
</rdf:Description>{kept}
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


@dataclass(frozen=True, slots=True)
class XmpClaim:
    """What a file's XMP says about where it came from."""

    creator_tool: str | None
    digital_source_type: str | None
    style: str | None
    statement: Digest | None
    title: str | None


def embed_xmp(content: bytes, statement: Statement, *, title: str) -> bytes:
    """The same file with our packet in it; every byte that makes a pixel stays as it is, and so does what the rendition
    tells in XMP of its picture."""
    carrier = carrier_of(content)
    if not is_plain(title):
        raise CarrierError(f"a title {title[:80]!r}", "text without control characters")
    packet = _PACKET.format(
        rdf=_RDF,
        dc=_DC,
        xmp=_XMP,
        iptc=_IPTC,
        restyle=_RESTYLE,
        tool=quoteattr(f"restyle {statement.pipeline.code_version}"),
        source_type=quoteattr(DIGITAL_SOURCE_TYPE),
        style=quoteattr(f"{statement.style.name} v{statement.style.version}"),
        statement=quoteattr(f"sha256:{statement.digest}"),
        title=escape(title),
        kept=_kept_description(carrier.xmp_of(content)),
    )
    return carrier.with_xmp(content, packet.encode())


def _kept_description(packet: bytes | None) -> str:
    """What the rendition's own packet tells of the picture: creator, rights, keywords. It stands behind ours, as it is;
    a packet of another shape than a rendition has is replaced."""
    if packet is None or len(packet) > _MAX_KEPT_BYTES or _RESTYLE.encode() in packet:
        return ""
    _, opened, rest = packet.partition(f'<rdf:RDF xmlns:rdf="{_RDF}">\n<rdf:Description '.encode())
    body, closed, _ = rest.partition(b"\n</rdf:RDF>")
    if not opened or not closed:
        return ""
    _parsed(packet)
    return f"\n<rdf:Description {body.decode()}"


def read_xmp(content: bytes) -> XmpClaim | None:
    """What the file's XMP says, ``None`` where it has none. XMP that cannot be read is a ``CarrierError``."""
    packet = carrier_of(content).xmp_of(content)
    return None if packet is None else _claim(_parsed(packet))


def _parsed(packet: bytes) -> ElementTree.Element:
    """No document type is ever needed in XMP, and without one no entity can be declared."""
    if len(packet) > _MAX_PACKET_BYTES or b"\0" in packet or b"<!" in packet:
        raise CarrierError("an XMP packet that is too large or declares something", "plain XMP in UTF-8")
    try:
        return ElementTree.fromstring(packet)  # noqa: S314  (no document type, no entities, bounded size)
    except (ElementTree.ParseError, ValueError) as error:
        raise CarrierError("XMP that is not well-formed XML", "plain XMP in UTF-8") from error


def _claim(root: ElementTree.Element) -> XmpClaim:
    title = root.find(f".//{{{_DC}}}title/{{{_RDF}}}Alt/{{{_RDF}}}li")
    return XmpClaim(
        creator_tool=_property(root, _XMP, "CreatorTool"),
        digital_source_type=_property(root, _IPTC, "DigitalSourceType"),
        style=_property(root, _RESTYLE, "Style"),
        statement=_statement_digest(root),
        title=None if title is None else title.text,
    )


def _property(root: ElementTree.Element, namespace: str, name: str) -> str | None:
    """A simple property, which XMP lets a writer put as an attribute or as an element."""
    qualified = f"{{{namespace}}}{name}"
    for description in root.iter(f"{{{_RDF}}}Description"):
        if (value := description.get(qualified) or description.findtext(qualified)) is not None:
            return value
    return None


def _statement_digest(root: ElementTree.Element) -> Digest | None:
    try:
        return Digest((_property(root, _RESTYLE, "Statement") or "").removeprefix("sha256:"))
    except ValueError:
        return None
