"""What every verb needs before it starts: the settings of this call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.settings import Settings
    from flows.wiring import Services

_home: Path | None = None


def use_home(home: Path | None) -> None:
    """Remember the ``--home`` of this call."""
    global _home
    _home = home


def settings() -> Settings:
    """The settings of this call: the environment's, with ``--home`` on top."""
    from flows.settings import for_this_process

    return for_this_process(_home)


def services() -> Services:
    """The services of this call, in a workspace that is there and can be written."""
    from flows.wiring import open_services

    return open_services(settings())


def services_with_room() -> Services:
    """The same for verbs that start a flow, which writes a good deal."""
    from flows.wiring import require_room

    opened = services()
    require_room(opened.settings)
    _warn_of_the_certificates_end(opened)
    return opened


def _warn_of_the_certificates_end(opened: Services) -> None:
    """On standard error, so that what a program reads stays whole. An expired one ends the command here."""
    from datetime import UTC, datetime

    from flows.cli.output import errors, plain
    from flows.signing import expiry_warning

    if (warning := expiry_warning(opened.identity, datetime.now(UTC))) is not None:
        errors.print(f"[yellow]warning:[/] {plain(warning)}")
