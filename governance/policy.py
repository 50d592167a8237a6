"""May this style touch this asset for this purpose? The answer is a permit, or a refusal with every reason.

Whoever adds a rule to the folder need not touch this module: a rule brings its own code and its own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Self

import cedarpy

from governance.errors import PolicyError
from governance.licences import earliest_end
from governance.plain_text import made_plain
from governance.policy_nearest import NearestPermit
from governance.policy_question import (
    Action,
    Purpose,
    Question,
    ReducedQuestion,
    StyleTerms,
    asked_facts,
    asset_entity,
    cedar_request,
    reason_words,
    reduced,
    style_entity,
)
from governance.policy_rules import SHIPPED_POLICIES, PolicyFiles, RuleBook, read_rule_book, rule_book
from stylecore.data import AssetFacts, Digest, Reason, StyleRef, canonical_json

__all__ = [
    "Action",
    "Alternative",
    "Explanation",
    "Permit",
    "Policy",
    "PolicyError",
    "Purpose",
    "Question",
    "Refusal",
    "StyleTerms",
    "together",
]

_QUESTIONS_A_CALL = 256
_REMEMBERED_ANSWERS = 100_000
_RULE_IN_ERROR = re.compile(r"evaluating policy `([a-z0-9_]+)`")


@dataclass(frozen=True, slots=True)
class Permit:
    """This style may touch this asset for this purpose on this day, by these rules of exactly this policy."""

    style: StyleRef
    policy_ids: tuple[str, ...]
    policy_digest: Digest
    asked: Mapping[str, str | bool | None]
    on: date


@dataclass(frozen=True, slots=True)
class Refusal:
    """It may not, and these are all the reasons. ``policy_ids`` names the rules that forbade or could not be read."""

    reasons: tuple[Reason, ...]
    policy_ids: tuple[str, ...]
    policy_digest: Digest


def together(answers: Sequence[Permit | Refusal]) -> Permit | Refusal:
    """One answer for a picture on which several styles are used: all of them may, or every reason why not.

    The permit is that of the first style, by the rules that permitted any of them.
    """
    refusals = [answer for answer in answers if isinstance(answer, Refusal)]
    ids = tuple(dict.fromkeys(each for answer in refusals or answers for each in answer.policy_ids))
    if refusals:
        reasons = tuple(dict.fromkeys(reason for answer in refusals for reason in answer.reasons))
        return Refusal(reasons, ids, refusals[0].policy_digest)
    first = answers[0]
    return replace(first, policy_ids=ids)


@dataclass(frozen=True, slots=True)
class Alternative:
    """A style that could be used instead, and the last day on which licences, rights and consent all hold."""

    style: StyleRef
    until: date | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer for one style, until when it holds if it is yes, and what else could be used."""

    answer: Permit | Refusal
    until: date | None
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What Cedar said to a reduced question. ``nothing_permits`` is only said when no rule had anything to say."""

    permitted_by: tuple[str, ...] = ()
    forbidden_by: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    nothing_permits: str = ""


class Policy:
    """A folder of rules, parsed once. It remembers answers, so that asking the same again costs next to nothing.

    May be shared by threads: the rules never change, and a forgotten answer is only asked for again.
    """

    def __init__(self, book: RuleBook) -> None:
        self._book = book
        self._rules = {rule.id: rule for rule in book.rules}
        self._nearest = NearestPermit(book.rules)
        self._remembered: dict[ReducedQuestion, _Answer] = {}

    @classmethod
    def shipped(cls) -> Self:
        """The policy that comes with the product."""
        return cls(read_rule_book(SHIPPED_POLICIES))

    @classmethod
    def from_folder(cls, folder: Path, *, with_shipped: bool = False) -> Self:
        """The policy of a folder: all of it, or in addition to the shipped rules.

        Raises PolicyError for a folder that is not, in every rule, a policy that can be relied on.
        """
        return cls(read_rule_book(SHIPPED_POLICIES, folder) if with_shipped else read_rule_book(folder))

    @classmethod
    def from_files(cls, files: Sequence[tuple[str, str]]) -> Self:
        """A policy that was in force once, from the recorded names and texts of its files."""
        return cls(rule_book(files, "the recorded files"))

    @property
    def digest(self) -> Digest:
        return self._book.digest

    @property
    def files(self) -> PolicyFiles:
        return self._book.files

    def check(
        self, facts: AssetFacts, terms: StyleTerms, purpose: Purpose, on: date, action: Action = "restyle"
    ) -> Permit | Refusal:
        """May this style touch this asset for this purpose on this day?"""
        return self.check_many([Question(facts, terms, purpose, on, action)])[0]

    def check_many(self, questions: Iterable[Question]) -> list[Permit | Refusal]:
        """The answers in the order of the questions. What the rules cannot tell apart is asked of Cedar once."""
        asked = [(question, reduced(question, self._book.reads)) for question in questions]
        answers = self._answers({short for _, short in asked})
        return [self._told(question, answers[short]) for question, short in asked]

    def explain(
        self,
        facts: AssetFacts,
        terms: StyleTerms,
        others: Iterable[StyleTerms],
        purpose: Purpose,
        on: date,
        action: Action = "restyle",
    ) -> Explanation:
        """The answer for one style, and which of the others could be used for this asset and purpose.

        The days are those of licences, rights and consent; a rule of your own may say no before.
        """
        rest = [other for other in others if other.style != terms.style]
        answer, *told = self.check_many(Question(facts, one, purpose, on, action) for one in (terms, *rest))
        alternatives = [
            Alternative(other.style, _usable_until(facts, other))
            for other, verdict in zip(rest, told, strict=True)
            if isinstance(verdict, Permit)
        ]
        until = _usable_until(facts, terms) if isinstance(answer, Permit) else None
        return Explanation(answer, until, tuple(sorted(alternatives, key=lambda found: str(found.style))))

    def _answers(self, shorts: set[ReducedQuestion]) -> dict[ReducedQuestion, _Answer]:
        remembered = self._remembered
        known = {short: answer for short in shorts if (answer := remembered.get(short)) is not None}
        unknown = iter(shorts - known.keys())
        while some := list(islice(unknown, _QUESTIONS_A_CALL)):
            known.update(zip(some, self._asked(some), strict=True))
        if len(known) + len(remembered) > _REMEMBERED_ANSWERS:
            remembered = self._remembered = {}
        remembered.update(known)
        return known

    def _asked(self, shorts: list[ReducedQuestion]) -> list[_Answer]:
        """Ask Cedar. A question that cannot even be put (a broken character, say) must not spoil its neighbours."""
        try:
            return list(self._asked_together(shorts))
        except ValueError as problem:
            if len(shorts) == 1:
                return [_Answer(errors=(f"the question cannot be put: {problem}",))]
            return [answer for short in shorts for answer in self._asked([short])]

    def _asked_together(self, shorts: list[ReducedQuestion]) -> Iterator[_Answer]:
        book = self._book
        styles = {terms: f"style{number}" for number, terms in enumerate({short.terms for short in shorts})}
        entities = [style_entity(name, terms) for terms, name in styles.items()]
        entities += [asset_entity(f"asset{number}", short) for number, short in enumerate(shorts)]
        parsed = cedarpy.Entities.from_json_str(canonical_json(entities).decode(), book.schema)
        requests = [cedar_request(f"asset{number}", styles[short.terms], short) for number, short in enumerate(shorts)]
        results = cedarpy.is_authorized_batch(requests, book.policy_set, parsed, book.schema)
        for request, result in zip(requests, results, strict=True):
            answer = self._read(result)
            if answer == _Answer():
                answer = _Answer(nothing_permits=self._nearest.lacks(request, parsed, book.schema))
            yield answer

    def _read(self, result: cedarpy.AuthzResult) -> _Answer:
        """Cedar skips a rule that fails and decides without it, in which case a forbid would be lost: we never do."""
        said, errors = set(result.diagnostics.reasons), tuple(sorted(result.diagnostics.errors))
        if result.decision is cedarpy.Decision.NoDecision and not errors:
            errors = ("no decision was made",)
        matched = [rule for rule in self._book.rules if rule.id in said]
        forbidding = tuple(rule.id for rule in matched if rule.forbids)
        if result.decision is cedarpy.Decision.Allow and not errors:
            return _Answer(permitted_by=tuple(rule.id for rule in matched))
        return _Answer(forbidden_by=forbidding, errors=errors)

    def _told(self, question: Question, answer: _Answer) -> Permit | Refusal:
        if answer.permitted_by:
            style, asked = question.terms.style, asked_facts(question)
            return Permit(style, answer.permitted_by, self.digest, asked, question.on)
        words = reason_words(question)
        reasons = [Reason(rule_id, self._rules[rule_id].reason_with(words)) for rule_id in answer.forbidden_by]
        reasons += [Reason("policy_error", _error_text(error)) for error in answer.errors]
        if answer.nothing_permits:
            reasons.append(Reason("nothing_permits", answer.nothing_permits))
        broken = tuple(name for error in answer.errors for name in _RULE_IN_ERROR.findall(error))
        return Refusal(tuple(reasons), answer.forbidden_by + broken, self.digest)


def _error_text(error: str) -> str:
    return f"the rules could not be applied, so the answer is no: {made_plain(error, max_chars=300)}"


def _usable_until(facts: AssetFacts, terms: StyleTerms) -> date | None:
    consent = facts.consent_until if facts.shows_person else None
    return earliest_end(terms.valid_until, facts.rights_until, consent)
