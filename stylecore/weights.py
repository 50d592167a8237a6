"""Weights from files: safetensors and nothing else, bounded in size, digest checked, finite.

A weights file is untrusted input. Formats that can run code when read are never parsed: what is not safetensors is
refused by its first bytes.
"""

from __future__ import annotations

import json
import os
import tempfile
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, BinaryIO
from urllib.parse import quote, urlsplit

import torch
from safetensors import SafetensorError
from safetensors.torch import load

from stylecore.data import Digest
from stylecore.errors import WeightsError, WeightsUnavailable

MAX_BYTES = 256_000_000
_MAX_HEADER_BYTES = 4_000_000
_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 30
_SUFFIX = ".safetensors"
PIN_SUFFIX = ".sha256"
_MAX_PIN_BYTES = 100

KNOWN_WEIGHTS: Mapping[str, Digest] = MappingProxyType(
    {
        "squeezenet1_1_features": Digest("29dd9af42ad48cb39a767454d382a2232dbc1625a1de3f00fca4868ee65dfc4b"),
        "alexnet_features": Digest("9f97fd313f4da83dbe6bbfbe6effca1241de9edfcd7c53386261ed9697286dd9"),
        "lpips_lin_alex": Digest("255d6454292d155a069f693a111769acec003d588617b250f24775369c816e04"),
        "lpips_lin_squeeze": Digest("7b35c219aaf55e4be5486ee08f40bb7b92b7bba3130e7d90425b3d5a87de2097"),
    }
)
"""Third-party weights that metrics and training can use when someone has placed them; none of them is shipped."""

ADOPTED_WEIGHTS = frozenset({"vgg19_features"})
"""Weights that were converted on this machine, so that no digest of theirs is known to everybody. Whoever placed them
pinned their digest in ``<name>.sha256`` beside them (stylecore/adoption.py); without that pin they are refused."""


def load_safetensors(
    source: Path | bytes, expected_digest: Digest | None, max_bytes: int = MAX_BYTES
) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file or of its bytes. Raises WeightsError alone, and before anything is used."""
    name = "these bytes" if isinstance(source, bytes) else source.name
    content = read_bounded(source, max_bytes)
    if expected_digest is not None:
        _check_digest(name, Digest.of(content), expected_digest)
    _check_header(name, content)
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as problem:
        raise WeightsError(f"{name} is damaged ({problem})", "a whole safetensors file", "Fetch it again.") from problem
    _check_finite(name, tensors)
    return tensors


def read_bounded(source: Path | bytes, max_bytes: int) -> bytes:
    if isinstance(source, bytes):
        content = source
    else:
        try:
            with source.open("rb") as file:
                content = file.read(max_bytes + 1)
        except OSError as problem:
            raise WeightsError(f"{source} cannot be read ({problem.strerror})", "a weights file") from problem
    if len(content) > max_bytes:
        raise WeightsError(f"a weights file over {max_bytes} bytes", f"at most {max_bytes} bytes")
    return content


def _check_digest(name: str, found: Digest, expected: Digest) -> None:
    if found != expected:
        raise WeightsError(
            f"{name} has sha256 {found}", f"sha256 {expected}", "The file was altered, or is of another version."
        )


def _check_header(name: str, content: bytes) -> None:
    """The format's own frame: eight bytes of length, then a JSON object. A pickle or a zip has neither."""
    length = int.from_bytes(content[:8], "little")
    whole = len(content) >= 8 and 2 <= length <= min(_MAX_HEADER_BYTES, len(content) - 8)
    try:
        header: Any = json.loads(content[8 : 8 + length]) if whole else None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise WeightsError(
            f"{name} is not safetensors", "a .safetensors file", "Other formats can run code when read: convert it."
        )


def _check_finite(name: str, tensors: Mapping[str, torch.Tensor]) -> None:
    if not tensors:
        raise WeightsError(f"{name} holds no tensors", "at least one")
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor.float()).all()):
            raise WeightsError(f"{name} has NaN or infinity in {key}", "finite numbers", "Its training went wrong.")


@dataclass(frozen=True, slots=True)
class WeightsFolder:
    """A folder in which known third-party weights may have been placed, each as ``<name>.safetensors``."""

    path: Path

    def place(self, name: str) -> Path:
        """Where the file of that name belongs. A name that is none of ours never becomes a path."""
        if name not in ADOPTED_WEIGHTS:
            _known(name)
        return self.path / f"{name}{_SUFFIX}"

    def find(self, name: str) -> Path | None:
        """The file of that known name, its digest verified; ``None`` when nobody has placed it."""
        path = self.place(name)
        if not path.is_file():
            return None
        _check_digest(path.name, _digest_of_file(path), self.digest(name))
        return path

    def digest(self, name: str) -> Digest:
        """What the file of that name must have: known to everybody, or pinned by whoever adopted it."""
        if name in KNOWN_WEIGHTS:
            return KNOWN_WEIGHTS[name]
        return read_pin(self.place(name).with_suffix(PIN_SUFFIX))

    def load(self, name: str) -> dict[str, torch.Tensor]:
        """The tensors of that known name; an absent file is an error here."""
        path = self.place(name)
        if not path.is_file():
            verb = "adopt" if name in ADOPTED_WEIGHTS else "pull"
            raise WeightsError(
                f"no {name} in {self.path}", f"the file {path.name}", f"Place it there with `restyle weights {verb}`."
            )
        return load_safetensors(path, self.digest(name))


def read_pin(pin: Path) -> Digest:
    """The digest that somebody pinned when they adopted what lies beside this file."""
    try:
        with pin.open("rb") as file:
            return Digest(file.read(_MAX_PIN_BYTES).decode("ascii").strip())
    except (OSError, ValueError) as problem:
        raise WeightsError(
            f"{pin} does not say what was adopted", "a sha256 in hex digits", "Adopt it with `restyle weights adopt`."
        ) from problem


def _known(name: str) -> Digest:
    if name not in KNOWN_WEIGHTS:
        raise WeightsError(f"weights named {name!r}", f"one of {', '.join([*KNOWN_WEIGHTS, *ADOPTED_WEIGHTS])}")
    return KNOWN_WEIGHTS[name]


def _digest_of_file(path: Path) -> Digest:
    with path.open("rb") as file:
        return _copied(file, None, path.name)


def _copied(source: IO[bytes], target: IO[bytes] | None, name: str) -> Digest:
    """Read to the end within the bound, writing on the way if there is somewhere to write."""
    hashed, size = sha256(), 0
    while chunk := source.read(_CHUNK_BYTES):
        size += len(chunk)
        if size > MAX_BYTES:
            raise WeightsError(f"{name} is over {MAX_BYTES} bytes", f"at most {MAX_BYTES} bytes")
        hashed.update(chunk)
        if target is not None:
            target.write(chunk)
    return Digest(hashed.hexdigest())


def pull(source: str, into: Path, names: Collection[str] = tuple(KNOWN_WEIGHTS)) -> list[Path]:
    """Copy known weights from a folder or an http(s) URL. A file gets its final name only once its digest is right.

    The network is used only when ``source`` is a URL, that is, when someone asked for it.
    """
    wanted = {name: _known(name) for name in names}
    into.mkdir(parents=True, exist_ok=True)
    return [_pull_one(source, into, name, digest) for name, digest in wanted.items()]


def _pull_one(source: str, into: Path, name: str, expected: Digest) -> Path:
    final = into / f"{name}{_SUFFIX}"
    with tempfile.NamedTemporaryFile(dir=into, prefix=f".{name}.", suffix=".partial", delete=False) as partial:
        temporary = Path(partial.name)
        try:
            with _opened(source, final.name) as stream:
                found = _copied(stream, partial, final.name)
            partial.flush()
            os.fsync(partial.fileno())
            _check_digest(final.name, found, expected)
            temporary.chmod(0o644)
            temporary.replace(final)
        except (OSError, HTTPException, ValueError) as problem:  # ValueError: an address that is none
            raise WeightsUnavailable(
                f"{final.name} could not be copied ({problem})", f"it at {source}", "Check the folder or address."
            ) from problem
        finally:
            temporary.unlink(missing_ok=True)
    return final


@contextmanager
def _opened(source: str, file_name: str) -> Iterator[BinaryIO]:
    scheme = urlsplit(source).scheme
    if scheme in ("http", "https"):
        # Only these two schemes get here: urllib would also open file: and ftp:.
        address = f"{source.rstrip('/')}/{quote(file_name)}"
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            yield answer
    elif "://" in source:
        raise WeightsError(f"a source of scheme {scheme!r}", "a folder, or an http or https URL")
    else:
        with (Path(source) / file_name).open("rb") as file:
            yield file
