"""What can break in governance. A refusal is a value and is not here; each kind decides an exit code."""

from __future__ import annotations

from typing import ClassVar

from stylecore.data import RestyleError


class GovernanceError(RestyleError):
    """The base of everything this package raises on purpose."""


class UsageError(GovernanceError):
    """What was asked for does not exist or cannot be said: an unknown run, a name with control characters."""

    kind: ClassVar[str] = "usage"


class PolicyError(GovernanceError):
    """The rules themselves are broken or contradict what was approved; a refusal under good rules is not this."""

    kind: ClassVar[str] = "policy"


class WorkspaceError(GovernanceError):
    """The place where records are kept cannot be used: missing, full, locked, unreachable, or from the future."""

    kind: ClassVar[str] = "workspace"


class IntegrityError(GovernanceError):
    """Two things that must agree do not: somebody or something changed a record or a digest."""

    kind: ClassVar[str] = "integrity"


class ReviewError(GovernanceError):
    """A review that cannot be taken: already decided, not yours to decide, or badly worded."""

    kind: ClassVar[str] = "review"
