"""Files from anywhere, each checked for what it proves: its credentials, the statement beside it, our own records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from flows.errors import UsageError
from flows.stores.base import Store
from flows.stores.errors import StoreError, StoreNotFound
from flows.stores.keys import STATEMENT_SUFFIX, WITHDRAWN_SUFFIX
from flows.stores.spec import FolderSpec, S3Spec, StoreSpec
from flows.wiring import Services
from governance import items, ledger, outputs
from governance.events import EventKind, item_subject
from governance.outputs import Output
from governance.provenance.statement import MAX_STATEMENT_BYTES
from governance.provenance.verify import FileProof, verify_file, verify_sidecar
from stylecore.data import Digest

MAX_FILE_BYTES = 500_000_000
_LATEST_EVENTS = 100


@dataclass(frozen=True, slots=True)
class Checked:
    """What is to be made of one file: ``good`` or what is wrong with it, and all that was looked at."""

    name: str
    verdict: str
    why: str
    proof: FileProof | None = None
    sidecar: str = "none"
    output: Output | None = None
    in_ledger: bool = False

    @property
    def is_good(self) -> bool:
        return self.verdict == "good"


@dataclass(frozen=True, slots=True)
class _Found:
    """One file with what lies beside it."""

    name: str
    content: bytes
    sidecar: bytes | None
    is_withdrawn: bool


def verify_files(services: Services, where: str, anchors: Sequence[Path] = ()) -> Iterator[Checked]:
    """One file, everything in a folder, or everything in a store, one after the other."""
    pems = [content_of(anchor).decode("ascii", "replace") for anchor in anchors] or services.anchors
    for name, read in _files(services, where):
        try:
            yield _checked(services, read(), pems)
        except StoreError as problem:
            yield Checked(name, "unreadable", str(problem))


def is_single_file(where: str) -> bool:
    path = _local_path(where)
    return path is not None and not path.is_dir()


def _files(services: Services, where: str) -> Iterator[tuple[str, Callable[[], _Found]]]:
    path = _local_path(where)
    if path is not None and not path.is_dir():
        yield path.name, partial(_beside, path)
        return
    shelf = services.store(_spec(where) if path is None else FolderSpec(path=path))
    for ref in shelf.list():
        yield ref.key, partial(_on_shelf, shelf, ref.key)


def _local_path(where: str) -> Path | None:
    """``file:`` and anything without a scheme is here; a name with a colon that exists is a name."""
    parts = urlsplit(where)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if "://" in where else Path(where)


def _spec(where: str) -> StoreSpec:
    parts = urlsplit(where)
    if parts.scheme != "s3":
        raise UsageError(f"{where[:200]!r}", "a file, a folder, or a store such as s3://bucket/prefix")
    try:
        return S3Spec(bucket=parts.netloc, prefix=unquote(parts.path).strip("/"))
    except ValidationError as problem:
        raise UsageError(f"{where[:200]!r}", "s3://bucket/prefix") from problem


def _beside(path: Path) -> _Found:
    statement, tombstone = (path.with_name(path.name + suffix) for suffix in (STATEMENT_SUFFIX, WITHDRAWN_SUFFIX))
    sidecar = content_of(statement, MAX_STATEMENT_BYTES) if statement.is_file() else None
    return _Found(path.name, content_of(path), sidecar, tombstone.is_file())


def _on_shelf(shelf: Store, key: str) -> _Found:
    try:
        sidecar = shelf.read(key + STATEMENT_SUFFIX, MAX_STATEMENT_BYTES)
    except StoreNotFound:
        sidecar = None
    return _Found(key, shelf.read(key), sidecar, shelf.exists(key + WITHDRAWN_SUFFIX))


def _checked(services: Services, found: _Found, anchors: Sequence[str]) -> Checked:
    proof, sidecar = _proof(found, anchors)
    digest = Digest.of(found.content)
    known = next(iter(items.find_by_output_digest(services.records, digest)), None)
    output = None if known is None else outputs.of_item(services.records, known.item_id)
    in_ledger = known is not None and _is_told(services, known.item_id, digest)
    verdict, why = _verdict(proof, sidecar, found, output)
    return Checked(found.name, verdict, why, proof, sidecar, output, in_ledger)


def _proof(found: _Found, anchors: Sequence[str]) -> tuple[FileProof, str]:
    if found.sidecar is None:
        return verify_file(found.content, anchors), "none"
    both = verify_sidecar(found.sidecar, found.content, anchors)
    return both.file, "matches" if both.matches else both.explanation


def _verdict(proof: FileProof, sidecar: str, found: _Found, output: Output | None) -> tuple[str, str]:
    """The worst that is known of it: a good signature does not help a file that was taken back."""
    if found.is_withdrawn or (output is not None and not output.is_live):
        return "withdrawn", "it was taken back; whoever holds a copy should remove it"
    if not proof.is_intact:
        return proof.state, proof.explanation
    if sidecar not in ("none", "matches"):
        return "other statement", sidecar
    if not proof.is_trusted:
        return "untrusted", proof.explanation
    return "good", proof.explanation


def _is_told(services: Services, item_id: Digest, digest: Digest) -> bool:
    """Whether the ledger, which nobody can edit unseen, says that these bytes were published."""
    told = ledger.page(services.records, subject=item_subject(item_id), limit=_LATEST_EVENTS, newest_first=True)
    return any(each.kind == EventKind.ITEM_PUBLISHED and each.body.get("output_digest") == digest for each in told)


def content_of(file: Path, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """A local file, whole, if it is not too large."""
    try:
        with file.open("rb") as opened:
            content = opened.read(max_bytes + 1)
    except OSError as error:
        raise UsageError(f"cannot read {file} ({error.strerror})", "a file") from error
    if len(content) > max_bytes:
        raise UsageError(f"{file} is larger than {max_bytes} bytes", "a picture file")
    return content
