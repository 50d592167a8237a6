"""What the register adds to a question: where a licence on record and the store both speak, the stricter counts.

A policy that knows nothing of the register is not fooled: under a licence that is not in force no altered copies are
allowed, a consent that is not in force is none, and a style under such a licence is not approved. The rules that come
along say beside that which licence it was and why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from governance.db import Database
from governance.licence_register import Licence, LicenceKind, named
from governance.licences import earliest_end
from governance.policy_question import Question, StyleTerms
from stylecore.data import AssetFacts

_ANY = "*"


def under_register(db: Database, questions: Sequence[Question]) -> list[Question]:
    """The questions as the register has them be asked, after one look into it for all of them."""
    names = {each.terms.licence for each in questions}
    names.update(name for each in questions for name in (each.facts.licence, each.facts.consent) if name)
    licences = named(db, names)
    return [_under(each, licences) for each in questions] if licences else list(questions)


def facts_under(facts: AssetFacts, licences: Mapping[str, Licence], on: date) -> AssetFacts:
    """What is known of the asset on that day, by its store and by the licence and the consent that the store names."""
    if (licence := licences.get(facts.licence or "")) is not None:
        facts = _under_licence(facts, licence, on)
    if facts.shows_person is not False and (consent := licences.get(facts.consent or "")) is not None:
        facts = _under_consent(facts, consent, on)
    return facts


def terms_under(terms: StyleTerms, licences: Mapping[str, Licence], on: date) -> StyleTerms:
    """On what terms the style may be used on that day, by its approval and by the licence that the approval names."""
    licence = licences.get(terms.licence)
    if licence is None:
        return terms
    lapse = _lapse(licence, on, consent=False)
    return replace(
        terms,
        approved=terms.approved and lapse is None,
        licence_lapse=lapse,
        valid_until=earliest_end(terms.valid_until, licence.valid_until),
        asset_classes=_both(terms.asset_classes, licence.asset_classes),
        channels=_both(terms.channels, licence.channels),
        territories=_both(terms.territories, licence.territories),
    )


def _under(question: Question, licences: Mapping[str, Licence]) -> Question:
    facts = facts_under(question.facts, licences, question.on)
    terms = terms_under(question.terms, licences, question.on)
    same = facts is question.facts and terms is question.terms
    return question if same else replace(question, facts=facts, terms=terms)


def _under_licence(facts: AssetFacts, licence: Licence, on: date) -> AssetFacts:
    lapse = _lapse(licence, on, consent=False)
    said = False if lapse is not None else licence.derivatives
    covered = replace(
        facts,
        licence_lapse=lapse,
        derivatives_allowed=_stricter(facts.derivatives_allowed, said),
        rights_until=earliest_end(facts.rights_until, licence.valid_until),
    )
    return _covered_by(covered, licence)


def _under_consent(facts: AssetFacts, consent: Licence, on: date) -> AssetFacts:
    lapse = _lapse(consent, on, consent=True)
    agreed = replace(
        facts,
        consent=facts.consent if lapse is None else None,
        consent_lapse=None if lapse is None else f"{consent.licence_id} {lapse}",
        # Whoever is shown can forbid alterations, but cannot allow them for whoever made the picture.
        derivatives_allowed=False if consent.derivatives is False else facts.derivatives_allowed,
        consent_until=earliest_end(facts.consent_until, consent.valid_until),
    )
    return _covered_by(agreed, consent)


def _covered_by(facts: AssetFacts, licence: Licence) -> AssetFacts:
    return replace(
        facts,
        licensed_classes=_limit(facts.licensed_classes, licence.asset_classes),
        licensed_channels=_limit(facts.licensed_channels, licence.channels),
        licensed_territories=_limit(facts.licensed_territories, licence.territories),
    )


def _lapse(licence: Licence, on: date, *, consent: bool) -> str | None:
    """Why it is worth nothing that day, said after its name. That it has ended is told by its last day."""
    if not licence.is_in_force:
        return "was withdrawn"
    if licence.valid_from is not None and on < licence.valid_from:
        return f"only begins on {licence.valid_from.isoformat()}"
    if (licence.kind is LicenceKind.CONSENT) != consent:
        return f"is on record as a {licence.kind}{'' if licence.kind is LicenceKind.CONSENT else ' licence'}"
    return None


def _stricter(one: bool | None, other: bool | None) -> bool | None:
    return one if other is None else other and one is not False


def _limit(one: frozenset[str] | None, other: frozenset[str]) -> frozenset[str] | None:
    """``None`` where there is no limit."""
    both = other if one is None else _both(one, other)
    return None if _ANY in both else both


def _both(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    if _ANY in one:
        return other
    return one if _ANY in other else one & other
