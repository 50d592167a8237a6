"""The ``restyle`` command. What takes long to import (torch, Prefect, MLflow) is imported by the verbs that need it."""

from __future__ import annotations

import sys
import warnings

from flows.errors import EXIT_CODES
from stylecore.data import RestyleError


def main() -> None:
    """Run the command; a breakage becomes one line on standard error and an exit code by its kind."""
    from flows.cli.app import app

    # What a decoder mutters about a strange file is told in that file's own reasons.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        app()
    except RestyleError as error:
        _fail(str(error), error.kind)
    except KeyboardInterrupt:
        _fail("stopped by you; what was done is recorded, and the same command goes on from here", "incomplete")
    except OSError as error:
        _fail(_operating_system(error), "workspace")
    except Exception as error:
        _fail(f"an error of restyle itself: {type(error).__name__}: {error}. --debug shows where", "unexpected")


def _fail(message: str, kind: str) -> None:
    from flows.cli.output import errors, plain

    if "--debug" in sys.argv:
        raise
    errors.print(f"[bold red]error[/] {plain(message)}")
    sys.exit(EXIT_CODES[kind])


def _operating_system(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}. Check that the workspace is writable and its disk has room"
