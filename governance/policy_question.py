"""What a policy is asked: this style, this asset, this purpose, this day; and how that is told to Cedar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from governance.plain_text import made_plain
from stylecore.data import AssetFacts, StyleRef

Action = Literal["restyle", "publish"]
Fact = str | bool | tuple[str, ...]

ASSET_ATTRIBUTES: Mapping[str, Fact] = {
    "class": "",
    "licence": "",
    "derivatives_allowed": False,
    "rights_until": "1970-01-01",
    "shows_person": False,
    "consent": "",
    "consent_until": "1970-01-01",
    "licence_lapse": "",
    "consent_lapse": "",
    "licensed_classes": (),
    "licensed_channels": (),
    "licensed_territories": (),
}
"""Each attribute of an asset in the schema, with what stands in for its value when no rule reads the value itself."""

ASSET_DAYS = frozenset({"rights_until", "consent_until"})
_FROM_REGISTER = frozenset(
    {"licence_lapse", "consent_lapse", "licensed_classes", "licensed_channels", "licensed_territories"}
)
"""Facts that most assets do not have: where there is none, a statement does not speak of it."""

STYLE_ATTRIBUTES = frozenset(
    {"name", "version", "package_digest", "approved", "licence", "licence_lapse", "valid_until"}
    | {"asset_classes", "channels", "territories"}
)
CONTEXT_ATTRIBUTES = frozenset({"style", "channel", "territory", "today"})


@dataclass(frozen=True, slots=True)
class Purpose:
    """Who asks, and where the result is to be shown."""

    asked_by: str
    channel: str
    territory: str


@dataclass(frozen=True, slots=True)
class StyleTerms:
    """On what terms a style version may be used. ``"*"`` in a set stands for any; no date stands for no end."""

    style: StyleRef
    approved: bool
    licence: str
    valid_until: date | None
    asset_classes: frozenset[str]
    channels: frozenset[str]
    territories: frozenset[str]
    licence_lapse: str | None = None
    """Why the licence is not in force, said after its name."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question to the policy: may this style touch this asset for this purpose, on this day?"""

    facts: AssetFacts
    terms: StyleTerms
    purpose: Purpose
    on: date
    action: Action = "restyle"


@dataclass(frozen=True, slots=True)
class Reads:
    """What a set of rules looks at in an asset. ``tags`` is ``None`` where any tag may be looked at.

    ``sides_of_today`` names the days of which rules see no more than whether they are before, on or after today.
    """

    values: frozenset[str]
    presences: frozenset[str]
    sides_of_today: frozenset[str]
    tags: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class ReducedQuestion:
    """A question without what no rule reads: equal ones have equal answers, so each is asked of Cedar only once.

    Ten thousand pictures have ten thousand consent references and as many days on which they end, but the rules may
    only ask whether there is one and whether it has ended.
    """

    action: Action
    purpose: Purpose
    on: date
    terms: StyleTerms
    attributes: tuple[tuple[str, Fact], ...]
    tags: tuple[tuple[str, str], ...]


def reduced(question: Question, reads: Reads) -> ReducedQuestion:
    """The question as far as the rules can tell it from others."""
    attributes: list[tuple[str, Fact]] = []
    for name, value in asset_attributes(question.facts).items():
        if name in reads.sides_of_today:
            attributes.append((name, _same_side_of(question.on, str(value))))
        elif name in reads.values:
            attributes.append((name, value))
        elif name in reads.presences:
            attributes.append((name, ASSET_ATTRIBUTES[name]))
    tags = question.facts.tags
    seen = tags if reads.tags is None else reads.tags & tags.keys()
    return ReducedQuestion(
        question.action,
        question.purpose,
        question.on,
        _terms_seen(question.terms, reads),
        tuple(attributes),
        tuple((name, tags[name]) for name in sorted(seen)),
    )


def _terms_seen(terms: StyleTerms, reads: Reads) -> StyleTerms:
    """The schema of an older policy has no lapse of a licence, and need not have: no rule of it speaks of one."""
    seen = terms.licence_lapse is None or "licence_lapse" in reads.values | reads.presences
    return terms if seen else replace(terms, licence_lapse=None)


def asset_attributes(facts: AssetFacts) -> dict[str, Fact]:
    """What is known of an asset, in the schema's names. The unknown is left out, so that ``has`` finds it missing."""
    known: dict[str, Fact | None] = {
        "class": facts.asset_class.lower(),
        "licence": facts.licence or None,
        "derivatives_allowed": facts.derivatives_allowed,
        "rights_until": _iso(facts.rights_until),
        "shows_person": facts.shows_person,
        "consent": facts.consent or None,
        "consent_until": _iso(facts.consent_until),
        "licence_lapse": facts.licence_lapse,
        "consent_lapse": facts.consent_lapse,
        "licensed_classes": _sorted(facts.licensed_classes),
        "licensed_channels": _sorted(facts.licensed_channels),
        "licensed_territories": _sorted(facts.licensed_territories),
    }
    return {name: value for name, value in known.items() if value is not None}


def asset_entity(name: str, question: ReducedQuestion) -> dict[str, Any]:
    """The asset as Cedar reads it. ``class`` is not optional in the schema, whether or not a rule reads it."""
    attributes = {"class": "", **dict(question.attributes)}
    return {"uid": _uid("Asset", name), "attrs": attributes, "parents": [], "tags": dict(question.tags)}


def style_entity(name: str, terms: StyleTerms) -> dict[str, Any]:
    """The style version as Cedar reads it."""
    attributes: dict[str, Any] = {
        "name": terms.style.name,
        "version": terms.style.version,
        "package_digest": str(terms.style.package_digest),
        "approved": terms.approved,
        "licence": terms.licence,
        "asset_classes": sorted(asset_class.lower() for asset_class in terms.asset_classes),
        "channels": sorted(terms.channels),
        "territories": sorted(terms.territories),
    }
    if terms.valid_until is not None:
        attributes["valid_until"] = terms.valid_until.isoformat()
    if terms.licence_lapse is not None:
        attributes["licence_lapse"] = terms.licence_lapse
    return {"uid": _uid("Style", name), "attrs": attributes, "parents": []}


def cedar_request(asset: str, style: str, question: ReducedQuestion) -> dict[str, Any]:
    """The request that goes with the two entities of those names."""
    return {
        "principal": _uid("Person", question.purpose.asked_by),
        "action": _uid("Action", question.action),
        "resource": _uid("Asset", asset),
        "context": {
            "style": _uid("Style", style),
            "channel": question.purpose.channel,
            "territory": question.purpose.territory,
            "today": question.on.isoformat(),
        },
    }


REASON_WORDS = frozenset(
    {"action", "asked_by", "channel", "territory", "today", "style"}
    | (ASSET_ATTRIBUTES.keys() - {"derivatives_allowed", "shows_person"})
    | {f"style_{name}" for name in ("licence", "licence_lapse", "valid_until", "asset_classes")}
    | {"style_channels", "style_territories"}
)
"""The ``{words}`` a rule's reason may use: an attribute of the asset by its name, one of the style as ``style_...``."""


def reason_words(question: Question) -> dict[str, str]:
    """The facts of the case, as a reason's text says them. They come from strangers, so they are made plain first."""
    facts, terms, purpose = question.facts, question.terms, question.purpose
    words: dict[str, str | None] = {
        "action": question.action,
        "asked_by": purpose.asked_by,
        "channel": purpose.channel,
        "territory": purpose.territory,
        "today": question.on.isoformat(),
        "style": str(terms.style),
        "style_licence": terms.licence,
        "style_licence_lapse": terms.licence_lapse or "is in force",
        "style_valid_until": _iso(terms.valid_until),
        "style_asset_classes": _listed(terms.asset_classes),
        "style_channels": _listed(terms.channels),
        "style_territories": _listed(terms.territories),
        "class": facts.asset_class.lower(),
        "licence": facts.licence,
        "rights_until": _iso(facts.rights_until),
        "consent": facts.consent,
        "consent_until": _iso(facts.consent_until),
        "licence_lapse": facts.licence_lapse or "is in force",
        "consent_lapse": facts.consent_lapse,
        "licensed_classes": _limits(facts.licensed_classes),
        "licensed_channels": _limits(facts.licensed_channels),
        "licensed_territories": _limits(facts.licensed_territories),
    }
    return {name: made_plain(word or "none on record", max_chars=120) for name, word in words.items()}


def asked_facts(question: Question) -> dict[str, str | bool | None]:
    """The facts a permit rests on, spelled so that they can be signed. Tags are not among them: they may be anything.

    An unknown fact is spelled out as ``None``, so that a statement shows what was not known.
    """
    unknown: dict[str, str | bool | None] = dict.fromkeys(
        name for name in ASSET_ATTRIBUTES if name not in _FROM_REGISTER
    )
    known = {name: _signable(value) for name, value in asset_attributes(question.facts).items()}
    asset = {f"asset_{name}": value for name, value in {**unknown, **known}.items()}
    return {
        "action": question.action,
        "asked_by": question.purpose.asked_by,
        "channel": question.purpose.channel,
        "territory": question.purpose.territory,
        **asset,
        "style": str(question.terms.style),
        "style_package_digest": str(question.terms.style.package_digest),
        "style_licence": question.terms.licence,
        "style_valid_until": _iso(question.terms.valid_until),
    }


def _uid(entity_type: str, name: str) -> dict[str, str]:
    return {"type": entity_type, "id": name}


def _same_side_of(today: date, day: str) -> str:
    """The day next to today that is as much before, on or after it as the given one."""
    other = date.fromisoformat(day)
    return (today + timedelta(days=(other > today) - (other < today))).isoformat()


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _signable(value: Fact) -> str | bool:
    return "|".join(value) if isinstance(value, tuple) else value


def _sorted(words: frozenset[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(sorted(words))


def _limits(words: frozenset[str] | None) -> str:
    return "any" if words is None else _listed(words)


def _listed(words: Iterable[str]) -> str:
    return ", ".join("any" if word == "*" else word for word in sorted(words)) or "none"
