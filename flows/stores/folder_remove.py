"""Removing a file beneath a folder: only that very file, whoever writes to the folder in the meantime.

It is looked at, then moved out of sight in one step, and looked at again: what was moved is either what was seen, and
goes, or something that came in between, and is put back.
"""

import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from flows.stores.errors import StoreError
from flows.stores.folder_open import folder_beneath, opened_plain
from flows.stores.folder_write import INCOMING, REMOVED
from flows.stores.reading import other_content
from stylecore.data import Digest

_Identity = tuple[int, int, int, int]


def remove(root: Path, names: Sequence[str], digest: Digest, digest_of: Callable[[int], Digest]) -> bool:
    """Whether it was there. Other content than that of the digest stays, and is told."""
    try:
        with folder_beneath(root, names[:-1]) as folder:
            seen = _seen(folder, names[-1], digest, digest_of)
            with folder_beneath(root, [INCOMING], create=True) as aside:
                _remove_seen(folder, names[-1], aside, seen, digest)
            os.fsync(folder)
    except FileNotFoundError:
        return False
    return True


def _seen(folder: int, name: str, digest: Digest, digest_of: Callable[[int], Digest]) -> _Identity:
    file = opened_plain(folder, name, os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    try:
        before = _identity(os.fstat(file))
        if digest_of(file) != digest or _identity(os.fstat(file)) != before:
            raise other_content(repr(name), digest)
        return before
    finally:
        os.close(file)


def _remove_seen(folder: int, name: str, aside: int, seen: _Identity, digest: Digest) -> None:
    hidden = uuid.uuid4().hex + REMOVED
    os.rename(name, hidden, src_dir_fd=folder, dst_dir_fd=aside)
    if _identity(os.stat(hidden, dir_fd=aside, follow_symlinks=False)) == seen:
        os.unlink(hidden, dir_fd=aside)
        return
    try:
        os.link(hidden, name, src_dir_fd=aside, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        kept = f"{hidden}.kept"
        os.rename(hidden, kept, src_dir_fd=aside, dst_dir_fd=aside)
        told = f"{name!r} was replaced twice while it was removed"
        raise StoreError(told, "one writer", f"What came in between lies in {INCOMING}/{kept}.") from None
    os.unlink(hidden, dir_fd=aside)
    raise other_content(repr(name), digest)


def _identity(status: os.stat_result) -> _Identity:
    """Not the time of its last change of name: moving it changes that."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
