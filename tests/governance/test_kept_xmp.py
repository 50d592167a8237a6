"""What people wrote about a picture stands beside the AI label, and never instead of it."""

from __future__ import annotations

import pytest

from governance.provenance.carriers.formats import carrier_of
from governance.provenance.errors import CarrierError
from governance.provenance.xmp import DIGITAL_SOURCE_TYPE, embed_xmp, read_xmp
from tests.governance.provenance_world import FORMATS, picture, statement_of

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def told(creator: str) -> bytes:
    """A packet as renditions have it."""
    description = (
        f'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" rdf:about="">'
        f"<dc:creator><rdf:Seq><rdf:li>{creator}</rdf:li></rdf:Seq></dc:creator></rdf:Description>"
    )
    body = f'<rdf:RDF xmlns:rdf="{_RDF}">\n{description}\n</rdf:RDF>'
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/">\n{body}\n</x:xmpmeta>'.encode()


@pytest.mark.parametrize("media_type", FORMATS)
def test_the_creator_stays_beside_the_label(media_type: str) -> None:
    bare = picture(media_type)
    content = carrier_of(bare).with_xmp(bare, told("Somebody Übrig"))
    labelled = embed_xmp(content, statement_of(content), title="Harbour")
    claim = read_xmp(labelled)
    assert claim is not None
    assert (claim.title, claim.digital_source_type) == ("Harbour", DIGITAL_SOURCE_TYPE)
    assert "Somebody Übrig".encode() in (carrier_of(labelled).xmp_of(labelled) or b"")
    assert embed_xmp(content, statement_of(content), title="Harbour") == labelled


def test_a_packet_of_another_shape_is_replaced() -> None:
    bare = picture("image/png")
    content = carrier_of(bare).with_xmp(bare, b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><other/></x:xmpmeta>")
    labelled = embed_xmp(content, statement_of(content), title="Harbour")
    assert b"<other/>" not in labelled


def test_a_packet_that_is_no_xml_is_no_reason_to_write_it_on() -> None:
    bare = picture("image/png")
    content = carrier_of(bare).with_xmp(bare, told("<broken"))
    with pytest.raises(CarrierError):
        embed_xmp(content, statement_of(content), title="Harbour")
