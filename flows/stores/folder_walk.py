"""The keys beneath a folder in the order of their code points, as S3 lists them, in bounded memory.

A folder sorts as its name with a `/`, which is how its keys compare with those of the files beside it. A folder with
more names than a page is read once a page, each time keeping the next page of smallest names only.
"""

import heapq
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from flows.stores.folder_names import path_on_disk, spelled
from flows.stores.folder_open import os_errors_told
from flows.stores.keys import may_be_asset
from flows.stores.selection import Selection

_log = logging.getLogger(__name__)


def walk(root: Path, selection: Selection, after_key: str, names_per_page: int) -> Iterator[tuple[str, os.stat_result]]:
    """Key and file status of every file that may be an asset, strictly after the key.

    The stack is our own: a hostile tree can be deeper than Python's recursion.
    """
    stack = [_entries(root, "", after_key, names_per_page)]
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
            continue
        key, deeper_after = step
        if key.endswith("/"):
            if selection.enters(key[:-1]):
                stack.append(_entries(root, key, deeper_after, names_per_page))
        elif selection.wants(key) and (status := _status(root, key)):
            yield key, status


def _entries(root: Path, folder: str, after: str, names_per_page: int) -> Iterator[tuple[str, str]]:
    """The keys of one folder's entries, folders with a `/`, each with what to resume after inside of it."""
    first, slash, deeper = after.partition("/")
    floor = first + slash
    for name in _names_in_order(_path(root, folder), floor, names_per_page, bool(folder)):
        resumed = name == floor
        if name.endswith("/"):
            yield folder + name, deeper if resumed else ""
        elif not resumed:
            yield folder + name, ""


def _names_in_order(path: str, floor: str, names_per_page: int, may_be_gone: bool) -> Iterator[str]:
    last = ""
    while True:
        names = (name for name in _names(path, may_be_gone) if name >= floor and name > last)
        page = heapq.nsmallest(names_per_page, names)
        yield from page
        if len(page) < names_per_page:
            return
        last = page[-1]


def _names(path: str, may_be_gone: bool) -> Iterator[str]:
    with os_errors_told(path):
        try:
            entries = os.scandir(path)
        except (FileNotFoundError, NotADirectoryError):
            if may_be_gone:  # removed since its own name was read
                return
            raise
        with entries:
            for entry in entries:
                name = spelled(entry.name)
                if may_be_asset(name):
                    yield name + "/" if entry.is_dir(follow_symlinks=False) else name


def _path(root: Path, key: str) -> str:
    return f"{root}/{path_on_disk(key)}"


def _status(root: Path, key: str) -> os.stat_result | None:
    """The file's status; nothing for what is no file, and for what has gone since its name was read.

    A link that cannot be followed beneath the root is given as the link it is: fetching it says what is wrong.
    """
    path = _path(root, key)
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            return _status_of_link(root, path, status)
    except FileNotFoundError:
        return None
    if stat.S_ISREG(status.st_mode):
        return status
    _log.warning("skipped %r: neither a file nor a folder", path)
    return None


def _status_of_link(root: Path, path: str, link: os.stat_result) -> os.stat_result | None:
    try:
        real = Path(path).resolve(strict=True)
        target = real.stat()
    except (OSError, RuntimeError):
        return link
    if not real.is_relative_to(root):
        return link
    # The files of a linked folder are listed where they really are.
    return target if stat.S_ISREG(target.st_mode) else None
