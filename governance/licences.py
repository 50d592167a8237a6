"""Rights as data: the one place where a store's text fields become what policy knows of an asset.

Fields come from sidecar files, object metadata and tags, so everything in them is a stranger's word. A word that is
not understood is an error and never a guess; a field that is empty or says ``unknown`` leaves the fact unknown.
A day left empty means that no end is on record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from governance.errors import PolicyError
from governance.plain_text import is_plain, made_plain
from stylecore.data import AssetFacts, Zone, read_zones

MAX_FIELDS = 200
MAX_NAME_CHARS = 128
MAX_VALUE_CHARS = 1024
MAX_ZONES_CHARS = 16_000
MAX_WORD_CHARS = 64

_YES = frozenset({"yes", "true", "y", "1"})
_NO = frozenset({"no", "false", "n", "0"})
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FACT_FIELDS = frozenset(
    {"class", "licence", "derivatives", "rights_until", "person", "consent", "consent_until", "zones"}
)
_MAY_BE_UNKNOWN = _FACT_FIELDS - {"rights_until", "consent_until", "zones"}
"""A day that is not known is not the same as no day, which means no end: so ``unknown`` is no day."""
_OTHER_SPELLINGS = {"license": "licence"}


class LicenceFieldError(PolicyError):
    """A field about rights that cannot be understood: which one, what it says, and what it may say."""

    def __init__(self, field: str, value: str, allowed: str) -> None:
        self.field, self.value, self.allowed = field, value, allowed
        shown = value if len(value) <= 80 else value[:79] + "…"
        super().__init__(f"the field {field[:80]!a} says {shown!a}", allowed, "Correct it where the asset is kept")


def facts_from_fields(fields: Mapping[str, str]) -> AssetFacts:
    """What a store's fields say of an asset.

    ``class``, ``licence``, ``derivatives`` (yes/no), ``rights-until`` (a day), ``person`` (yes/no), ``consent`` (its
    reference), ``consent-until`` (a day) and ``zones`` (a list in JSON of what is where in the picture) are understood;
    every other field becomes a tag. Upper and lower case,
    ``-`` and ``_`` make no difference in a field's name, and tags keep the name in lower case with ``_``; what they say
    is kept, cut to its bound. Classes are lower case throughout, since rules compare them letter by letter.
    """
    known = _normalised(fields)
    return AssetFacts(
        asset_class=_class(known.get("class", "")),
        licence=known.get("licence"),
        derivatives_allowed=_yes_or_no(known, "derivatives", yes="allowed", no="forbidden"),
        rights_until=_day(known, "rights_until"),
        shows_person=_yes_or_no(known, "person"),
        consent=known.get("consent"),
        consent_until=_day(known, "consent_until"),
        zones=_zones(known.get("zones", "")),
        tags={name: value for name, value in known.items() if name not in _FACT_FIELDS},
    )


def is_valid_on(until: date | None, on: date) -> bool:
    """Whether what lasts until a day still holds on another. It holds on its last day; without one it never ends."""
    return until is None or on <= until


def earliest_end(*ends: date | None) -> date | None:
    """The last day on which all of these hold, or ``None`` if none of them ends."""
    return min((end for end in ends if end is not None), default=None)


def _normalised(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields that say something, by their normal names. Two that contradict each other are nobody's guess."""
    if len(fields) > MAX_FIELDS:
        raise LicenceFieldError("(all)", f"{len(fields)} fields", f"at most {MAX_FIELDS}")
    known: dict[str, str] = {}
    for field, text in fields.items():
        name = _name(field)
        value = _value(name, text) if name in _FACT_FIELDS else made_plain(text.strip(), MAX_VALUE_CHARS)
        says_nothing = not value or (name in _MAY_BE_UNKNOWN and value.lower() == "unknown")
        if not says_nothing and known.setdefault(name, value) != value:
            raise LicenceFieldError(field, value, f"the same as its other spelling, which says {known[name][:80]!a}")
    return known


def _name(field: str) -> str:
    name = field.strip().lower().replace("-", "_")
    if not name or len(name) > MAX_NAME_CHARS or not is_plain(name):
        raise LicenceFieldError(field, "", f"a field name of 1 to {MAX_NAME_CHARS} plain characters")
    return _OTHER_SPELLINGS.get(name, name)


def _value(field: str, text: str) -> str:
    value = text.strip()
    most = MAX_ZONES_CHARS if field == "zones" else MAX_VALUE_CHARS
    if len(value) > most or not is_plain(value):
        raise LicenceFieldError(field, value, f"one line of at most {most} plain characters")
    return value


def _zones(value: str) -> tuple[Zone, ...]:
    try:
        return read_zones(value.encode()) if value else ()
    except ValueError as problem:
        example = '[{"kind": "logo", "box": [0.1, 0.1, 0.4, 0.2]}]'
        raise LicenceFieldError("zones", value, f"zones such as {example} ({problem})") from problem


def _class(value: str) -> str:
    if len(value) > MAX_WORD_CHARS or "*" in value:
        raise LicenceFieldError("class", value, f"a word of at most {MAX_WORD_CHARS} characters without *")
    return value.lower() or AssetFacts().asset_class


def _yes_or_no(known: Mapping[str, str], name: str, *, yes: str = "yes", no: str = "no") -> bool | None:
    value = known.get(name)
    if value is None:
        return None
    word = value.lower()
    if word in _YES or word == yes:
        return True
    if word in _NO or word == no:
        return False
    allowed = ", ".join(dict.fromkeys(("yes", "no", yes, no, "true", "false", "1", "0", "unknown")))
    raise LicenceFieldError(name, value, f"one of {allowed}, or nothing")


def _day(known: Mapping[str, str], name: str) -> date | None:
    value = known.get(name)
    if value is None:
        return None
    if _ISO_DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise LicenceFieldError(name, value, "a day as YYYY-MM-DD, such as 2027-01-31, or nothing")
