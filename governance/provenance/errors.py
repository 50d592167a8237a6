"""What can break while proving where a rendition came from. A file that fails its proof is a value, never these."""

from __future__ import annotations

from typing import ClassVar

from stylecore.data import RestyleError


class ProvenanceError(RestyleError):
    """The base of this package's errors."""

    kind: ClassVar[str] = "integrity"


class StatementError(ProvenanceError):
    """The claims do not make a statement, or the bytes are not one."""


class CarrierError(ProvenanceError):
    """The image file cannot carry metadata: it is not what it says, or its structure is broken."""


class SigningError(ProvenanceError):
    """The content credentials could not be made, or did not survive our own check afterwards."""


class SigningUnavailable(SigningError):
    """What signing needs from elsewhere, a key service or a time stamp, cannot be had now; later it may."""


class IdentityError(ProvenanceError):
    """The signing identity is missing, unreadable, expired or inconsistent."""

    kind: ClassVar[str] = "workspace"
