"""A file from anywhere, checked against the anchors somebody trusts and looked up in this workspace's records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flows.errors import UsageError
from flows.wiring import Services
from governance import items
from governance.provenance.verify import FileProof, verify_file
from stylecore.data import Digest

MAX_FILE_BYTES = 500_000_000


def file_proof(services: Services, file: Path, anchors: Sequence[Path]) -> tuple[FileProof, Digest | None]:
    """What the file proves, and the item it was published as, if this workspace did that."""
    content = _content(file)
    pems = [_content(anchor).decode("ascii", "replace") for anchor in anchors] or _own_anchors(services)
    found = items.find_by_output_digest(services.records, Digest.of(content))
    return verify_file(content, pems), found[0].item_id if found else None


def _own_anchors(services: Services) -> list[str]:
    pem = services.identity.anchor_pem
    return [] if pem is None else [pem]


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {file} ({error.strerror})", "a file") from error
    if len(content) > MAX_FILE_BYTES:
        raise UsageError(f"{file} is larger than {MAX_FILE_BYTES} bytes", "a picture file")
    return content
