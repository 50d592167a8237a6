"""Opening files beneath a folder and never outside it, whoever swaps folders for links in the meantime.

Every part of the path is opened from the folder before it, without following links. A file that is a link is
followed by us: to where it really leads, if that is beneath the same folder.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from flows.stores.errors import (
    StoreConflict,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreKeyRefused,
    StoreNotFound,
    StoreUnreachable,
)
from flows.stores.folder_names import file_name
from flows.stores.keys import checked_parts

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: should the file be swapped for a FIFO between the look and the opening, we still do not wait for it.
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_CLASSES: dict[int | None, tuple[type[StoreError], str]] = {
    errno.ENOENT: (StoreNotFound, "Check the path."),
    errno.ENOTDIR: (StoreNotFound, "Check the path."),
    errno.EISDIR: (StoreNotFound, "Name a file, not a folder."),
    errno.EACCES: (StoreDenied, "Give this user the right to it."),
    errno.EPERM: (StoreDenied, "Give this user the right to it."),
    errno.EROFS: (StoreDenied, "Choose a folder that can be written to."),
    errno.ELOOP: (StoreDenied, "Put the files themselves there; a linked folder is not followed."),
    errno.ENOSPC: (StoreFull, "Free some space, then run the same command again."),
    errno.EDQUOT: (StoreFull, "Free some space, then run the same command again."),
    errno.EFBIG: (StoreFull, "Raise the limit on file sizes, then run the same command again."),
    errno.ENAMETOOLONG: (StoreKeyRefused, "Rename the file."),
    errno.ESTALE: (StoreUnreachable, "Check the network file system."),
    errno.ENOTCONN: (StoreUnreachable, "Check the network file system."),
    errno.EHOSTDOWN: (StoreUnreachable, "Check the network file system."),
    errno.ETIMEDOUT: (StoreUnreachable, "Check the network file system."),
}


@contextmanager
def os_errors_told(what: object) -> Iterator[None]:
    """Whatever the operating system refuses inside, told as one of our errors."""
    try:
        yield
    except OSError as problem:
        failure, next_step = _CLASSES.get(problem.errno, (StoreError, "Check the disk and the path."))
        raise failure(f"{str(what)!r}: {problem.strerror or problem}", "", next_step) from problem


def names_on_disk(key: str) -> tuple[str, ...]:
    """The file names for a key that is plain and spelled as the listing spells it."""
    names = [file_name(part) for part in checked_parts(key)]
    if None in names:
        raise StoreNotFound(f"no file name is spelled {key!r}", "", "Use the key as the listing gives it.")
    return tuple(name for name in names if name is not None)


@contextmanager
def folder_beneath(root: Path, names: Sequence[str], *, create: bool = False) -> Iterator[int]:
    """A descriptor of the folder, each part opened from the one before it."""
    folder = os.open(root, _FOLDER_FLAGS)
    try:
        for name in names:
            inner = _entered(folder, name, create)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _entered(folder: int, name: str, create: bool) -> int:
    if create:
        _make_folder(folder, name)
    try:
        return os.open(name, _FOLDER_FLAGS, dir_fd=folder)
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, "a link where a folder is expected", name) from None
        if create:
            raise StoreConflict(
                f"{name!r} is a file", "a folder of that name", "Publish under another prefix, or move the file away."
            ) from None
        raise


def _make_folder(folder: int, name: str) -> None:
    try:
        os.mkdir(name, dir_fd=folder)
    except FileExistsError:
        return
    os.fsync(folder)


@contextmanager
def file_beneath(root: Path, key: str) -> Iterator[int]:
    """A descriptor of the plain file under that key, for reading."""
    with os_errors_told(root / key):
        descriptor = _opened(root, names_on_disk(key), follow=True)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _opened(root: Path, names: Sequence[str], *, follow: bool) -> int:
    with folder_beneath(root, names[:-1]) as folder:
        mode = os.stat(names[-1], dir_fd=folder, follow_symlinks=False).st_mode
        if not (stat.S_ISLNK(mode) and follow):
            return opened_plain(folder, names[-1], mode)
    return _opened(root, _where_it_leads(root, names), follow=False)


def opened_plain(folder: int, name: str, mode: int) -> int:
    """A descriptor of that plain file in the folder, for reading; nothing else is opened."""
    _refuse_special(mode, name)
    descriptor = os.open(name, _FILE_FLAGS, dir_fd=folder)
    try:
        _refuse_special(os.fstat(descriptor).st_mode, name)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_special(mode: int, name: str) -> None:
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, "is a folder", name)
    if not stat.S_ISREG(mode):
        raise StoreDenied(f"{name!r} is a link, a pipe or a device", "a plain file", "Put the file itself there.")


def _where_it_leads(root: Path, names: Sequence[str]) -> tuple[str, ...]:
    try:
        real = root.joinpath(*names).resolve(strict=True)
    except RuntimeError:  # what pathlib says of links in a circle, before Python 3.13
        raise OSError(errno.ELOOP, "links in a circle", names[-1]) from None
    if not real.is_relative_to(root):
        raise StoreDenied(
            f"{names[-1]!r} is a link that leaves the store's folder",
            f"a file beneath {str(root)!r}",
            "Put the file itself there, or open a store on the folder it leads to.",
        )
    return real.relative_to(root).parts
