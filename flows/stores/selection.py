"""Which keys a campaign asks for. `*` and `?` stay within one folder, `**` spans folders, a leading `!` leaves out."""

import os.path
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Self

_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class _Glob:
    """One glob, matched part by part, so that it can also say whether a folder is worth entering."""

    parts: tuple[re.Pattern[str] | None, ...]  # None stands for `**`

    @classmethod
    def of(cls, text: str) -> Self:
        return cls(tuple(None if part == "**" else re.compile(translate(part)) for part in text.split("/")))

    def matches(self, key: str) -> bool:
        return len(self.parts) in self._reached(key)

    def may_match_below(self, folder: str) -> bool:
        return any(at < len(self.parts) for at in self._reached(folder))

    def matches_all_below(self, folder: str) -> bool:
        last = len(self.parts) - 1
        return self.parts[last] is None and last in self._reached(folder)

    def _reached(self, path: str) -> set[int]:
        """The positions in the glob that this path can have come to."""
        reached = self._with_skipped({0})
        for name in path.split("/"):
            reached = self._with_skipped({after for at in reached for after in self._step(at, name)})
        return reached

    def _step(self, at: int, name: str) -> tuple[int, ...]:
        if at == len(self.parts):
            return ()
        part = self.parts[at]
        if part is None:
            return (at, at + 1) if at == len(self.parts) - 1 else (at,)
        return (at + 1,) if part.match(name) else ()

    def _with_skipped(self, reached: set[int]) -> set[int]:
        """`**` also stands for no folder at all, but at the end of a glob it stands for at least a file."""
        for at in range(len(self.parts) - 1):
            if at in reached and self.parts[at] is None:
                reached.add(at + 1)
        return reached


@dataclass(frozen=True, slots=True)
class Selection:
    """Some globs, read once. No including glob means everything."""

    included: tuple[_Glob, ...]
    excluded: tuple[_Glob, ...]
    literal_prefix: str

    @classmethod
    def of(cls, globs: Sequence[str]) -> Self:
        included = [text for text in globs if not text.startswith("!")]
        return cls(
            tuple(_Glob.of(text) for text in included),
            tuple(_Glob.of(text[1:]) for text in globs if text.startswith("!")),
            os.path.commonprefix([_literal_start(text) for text in included]),  # noqa: RUF071  by letters
        )

    def wants(self, key: str) -> bool:
        if self.included and not any(glob.matches(key) for glob in self.included):
            return False
        return not any(glob.matches(key) for glob in self.excluded)

    def enters(self, folder: str) -> bool:
        """Whether a wanted key can be somewhere below the folder."""
        if self.included and not any(glob.may_match_below(folder) for glob in self.included):
            return False
        return not any(glob.matches_all_below(folder) for glob in self.excluded)


def _literal_start(glob: str) -> str:
    """The part of a glob that every match begins with: `a/b/*.jpg` gives `a/b/`, and no glob begins inside a name."""
    wild = _WILD.search(glob)
    return glob if wild is None else glob[: glob.rfind("/", 0, wild.start()) + 1]
