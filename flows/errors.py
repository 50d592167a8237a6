"""What can go wrong in the flows themselves, and the exit code that each kind of breakage ends the command with."""

from __future__ import annotations

from typing import ClassVar

from stylecore.data import RestyleError

EXIT_CODES = {
    "usage": 2,  # the command line, the campaign file or an input is wrong: change it and call again
    "store": 3,  # a store cannot be reached, read or written
    "policy": 4,  # nothing may run: no approved style, no policy, or a refusal of the whole request
    "workspace": 5,  # the workspace cannot be written, is full, or is of another version
    "integrity": 6,  # bytes are not the bytes that were approved, signed or recorded
    "registry": 7,  # the style registry does not answer or does not know the style
    "review": 8,  # the decision cannot be taken: somebody else was first, or a second person is needed
    "incomplete": 9,  # the run ended, but some items could not be done; run it again
    "unexpected": 1,  # an error of restyle itself: --debug shows where
}


class UsageError(RestyleError):
    """What was asked for cannot be understood or does not exist."""

    kind: ClassVar[str] = "usage"


class WorkspaceError(RestyleError):
    """The folder everything lives in cannot be used."""

    kind: ClassVar[str] = "workspace"


class NotPermitted(RestyleError):
    """The whole request is refused; a refusal of one asset is a value, not this."""

    kind: ClassVar[str] = "policy"


class Incomplete(RestyleError):
    """The run ended, and some items are still to be done."""

    kind: ClassVar[str] = "incomplete"
