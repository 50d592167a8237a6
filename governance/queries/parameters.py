"""The parameters that questions share: each has one meaning and one way to be read, whatever asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import Any

from governance.errors import UsageError
from governance.items import digest_range
from governance.plain_text import made_plain, require_plain, require_storable
from governance.queries.question import Asked, AuditQuestion, DigestRange, WantedStyle

MAX_DAYS = 36_500
_MAX_VERSION = 2**31 - 1
_MAX_EVENT = 2**62
_EARLIEST, _LATEST = date(1970, 1, 1), date(9899, 12, 31)
"""So far from the end of all dates that days can be added."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """``read`` makes a value of what somebody typed, or says what it should have been."""

    name: str
    meaning: str
    read: Callable[[str], Any]


def read_asked(question: AuditQuestion, given: Mapping[str, str], today: date) -> Asked:
    """What was given, checked against what this question knows."""
    for name in given:
        if name not in question.parameters:
            raise UsageError(
                f"{question.name} knows no {made_plain(name, 40)!r}", f"some of: {', '.join(question.parameters)}"
            )
    if question.needs and not any(name in given for name in question.needs):
        raise UsageError(f"{question.name} was asked of nothing", f"one of: {', '.join(question.needs)}")
    asked = Asked(today=today, **{name: PARAMETERS[name].read(text) for name, text in given.items()})
    if asked.since is not None and asked.until is not None and asked.since > asked.until:
        raise UsageError(f"since {asked.since} until {asked.until}", "an end that is not before the beginning")
    return asked


def _text(what: str) -> Callable[[str], str]:
    return lambda text: require_plain(text, what)


def _key(text: str) -> str:
    """Stores allow almost anything in a key; it is only compared, and shown nowhere."""
    return require_storable(text, "the asset", max_chars=1024)


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"the day {made_plain(text, 40)!r}", "a day such as 2026-03-31") from None
    if not _EARLIEST <= day <= _LATEST:
        raise UsageError(f"the day {day}", f"one from {_EARLIEST} to {_LATEST}")
    return day


def _moment(text: str) -> datetime:
    """A day means its end: who asks for a day wants all that happened on it."""
    text = text.strip()
    if len(text) == len("2026-03-31"):
        return datetime.combine(_day(text), time.max, UTC)
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"the moment {made_plain(text, 40)!r}", "a day or a moment in UTC such as 2026-03-31T14:00"
        ) from None
    _day(moment.date().isoformat())
    return moment


def _number(what: str, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        text = text.strip()
        if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
            raise UsageError(f"{what} {made_plain(text, 40)!r}", f"a whole number from 0 to {most}")
        return int(text)

    return read


def _style(text: str) -> WantedStyle:
    name, slash, version = require_plain(text, "the style").partition("/")
    if not name or (slash and not version):
        raise UsageError(f"the style {text[:80]!r}", "NAME, or NAME/VERSION such as dots/3")
    return WantedStyle(name, _number("the version", _MAX_VERSION)(version) if slash else None)


def _digest(text: str) -> DigestRange:
    return DigestRange(*digest_range(require_plain(text, "the digest")))


PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        each.name: each
        for each in (
            Parameter("since", "the first day that counts, like 2026-01-01 (UTC)", _day),
            Parameter("until", "the last day that counts (UTC)", _day),
            Parameter("at", "the day or moment to look at, like 2026-03-31 or 2026-03-31T14:00 (UTC)", _moment),
            Parameter("days", "how many days ahead", _number("the number of days", MAX_DAYS)),
            Parameter("style", "a style as NAME, or one version as NAME/VERSION", _style),
            Parameter("package", "the first digits, four at least, of a style package's sha256", _digest),
            Parameter(
                "digest", "the first digits of an item's id or of an asset's, rendition's or file's sha256", _digest
            ),
            Parameter("asset", "a picture by its key in its store, or by its sha256", _key),
            Parameter("licence", "a licence or a consent by its id", _text("the licence")),
            Parameter("holder", "who holds the rights: an artist, an agency", _text("the holder")),
            Parameter("person", "who did it, as recorded", _text("the person")),
            Parameter("campaign", "a campaign by its name", _text("the campaign")),
            Parameter("rule", "the id of a policy's rule", _text("the rule")),
            Parameter("event", "the number of an event, such as a checkpoint's size", _number("the event", _MAX_EVENT)),
        )
    }
)
