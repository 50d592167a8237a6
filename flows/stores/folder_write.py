"""Creating a file beneath a folder: whole or not at all, never over another, on the disk when it is said to be."""

import errno
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.stores.errors import StoreError
from flows.stores.folder_open import folder_beneath

INCOMING = ".restyle-incoming"
"""Where a file is written before it gets its name. Hidden, so never listed; one place, so cheap to clean."""

REMOVED = ".removed"
"""How a file ends that was moved there to be removed."""

ABANDONED_AFTER_S = 24 * 3600.0

_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV, errno.EMLINK, errno.ENOSYS)


def create(root: Path, names: Sequence[str], content: bytes) -> bool:
    """Whether the file was created; false when something has that name already.

    A hard link is the one call that both fails when the name is taken and shows nothing but the whole content.
    """
    with _written(root, content) as (incoming, temporary), folder_beneath(root, names[:-1], create=True) as folder:
        try:
            os.link(temporary, names[-1], src_dir_fd=incoming, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            return False
        except OSError as problem:
            raise _explained(problem, root) from problem
        os.fsync(folder)
        return True


@contextmanager
def _written(root: Path, content: bytes) -> Iterator[tuple[int, str]]:
    """The content in a temporary file, on the disk; gone again afterwards."""
    temporary = f"{uuid.uuid4().hex}.part"
    with folder_beneath(root, [INCOMING], create=True) as incoming:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o666, dir_fd=incoming)
        try:
            _write_and_close(descriptor, content)
            yield incoming, temporary
        finally:
            os.unlink(temporary, dir_fd=incoming)


def _write_and_close(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explained(problem: OSError, root: Path) -> Exception:
    if problem.errno not in _NO_HARD_LINKS:
        return problem
    return StoreError(
        f"the file system of {str(root)!r} cannot create a file under its final name in one step ({problem.strerror})",
        "one file system with hard links",
        "Choose a folder on another file system.",
    )


def remove_abandoned(root: Path) -> None:
    """Temporary files of processes that were killed long ago. Whoever still writes has touched its own lately."""
    oldest = time.time() - ABANDONED_AFTER_S
    with suppress(OSError), os.scandir(root / INCOMING) as entries:
        for entry in entries:
            if entry.name.endswith((".part", REMOVED)) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                with suppress(OSError):
                    Path(entry.path).unlink()
