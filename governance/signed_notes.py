"""Signed notes: the text format in which transparency logs publish their checkpoints (C2SP signed-note, Ed25519).

A note is text that ends in a line break, an empty line, and a line for each signature: a dash, the signer's name, and
base64 of four bytes that tell the key and sixty-four that sign the text. Anyone's tools can read them.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from governance.errors import IntegrityError, WorkspaceError

_ED25519 = b"\x01"
_DASH = "\u2014"
_MAX_NOTE = 10_000
_SPLIT = "\n\n" + _DASH + " "


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """A name and a public key: who knows them can check notes, and nothing in them is secret."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """The ``name+key id+key`` spelling of verifiers."""
        try:
            name, key_id, key = text.strip().split("+", 2)
            kind, public = (decoded := b64decode(key, validate=True))[:1], decoded[1:]
            verifier = cls(name, public)
            Ed25519PublicKey.from_public_bytes(public)
            if kind != _ED25519 or verifier.key_id.hex() != key_id:
                raise ValueError("another kind of key, or the id of another key")
        except (ValueError, Base64Error) as problem:
            raise IntegrityError(
                f"the verifier {ascii(text)[:120]}", "name+id+key of an Ed25519 key", "Get it again from its owner."
            ) from problem
        return verifier

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64encode(_ED25519 + self.public).decode()}"

    def text_of(self, note: str) -> str:
        """The text of the note, if this key signed it."""
        text, separator, signatures = note.rpartition(_SPLIT)
        if len(note) > _MAX_NOTE or not separator:
            raise self._refused("what is no signed note")
        for line in (_DASH + " " + signatures).splitlines():
            if self._signed(line, text + "\n"):
                return text + "\n"
        raise self._refused(f"a note that {self.name} did not sign")

    def _signed(self, line: str, text: str) -> bool:
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        try:
            signature = b64decode(encoded, validate=True)
            if (dash, name, signature[:4]) != (_DASH, self.name, self.key_id):
                return False
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature[4:], text.encode())
        except (InvalidSignature, ValueError, Base64Error):
            return False
        return True

    def _refused(self, got: str) -> IntegrityError:
        return IntegrityError(got, f"a note signed by {self}", "Find out where it came from; do not rely on it.")


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A private key and the name it signs under."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def load_or_create(cls, name: str, path: Path) -> Self:
        """The key kept in this file, made now where there is none yet, readable by its owner alone."""
        try:
            if not path.exists():
                _write_new_key(path)
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError) as problem:
            raise WorkspaceError(f"the key in {path} cannot be used ({problem})", "an Ed25519 key in PEM") from problem
        if not isinstance(key, Ed25519PrivateKey):
            raise WorkspaceError(f"the key in {path} is of another kind", "an Ed25519 key in PEM")
        return cls(name, key)

    @property
    def verifier(self) -> NoteVerifier:
        return NoteVerifier(self.name, self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def note(self, text: str) -> str:
        """The text, signed. It has to end in a line break and hold no empty line."""
        if not text.endswith("\n") or "\n\n" in text:
            raise ValueError("a note's text ends in a line break and holds no empty line")
        signature = b64encode(self.verifier.key_id + self.key.sign(text.encode())).decode()
        return f"{text}\n{_DASH} {self.name} {signature}\n"


def _write_new_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    try:
        os.link(partial, path)  # two that make a key at once: the first one's stays
    except FileExistsError:
        pass
    finally:
        partial.unlink()
