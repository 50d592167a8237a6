"""Expected verdicts: a table that a policy has to keep, written by whoever answers for it.

A case says what is known of an asset in the words of a store's sidecar, on what terms the style may be used, for what
it is asked, and what the answer has to be. Reasons, where they are given, have to be those and no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from governance.errors import PolicyError
from governance.licences import facts_from_fields
from governance.policy import Permit, Policy
from governance.policy_question import Action, Purpose, Question, StyleTerms
from stylecore.data import Digest, StyleRef

MAX_TABLE_BYTES = 5_000_000
_NOBODY_S_BYTES = Digest("0" * 64)

Word = Annotated[str, Field(min_length=1, max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StyleOfCase(_Part):
    name: Word = "a-style"
    version: int = 1
    approved: bool = True
    licence: Word = "house"
    valid_until: date | None = None
    classes: tuple[Word, ...] = ("*",)
    channels: tuple[Word, ...] = ("*",)
    territories: tuple[Word, ...] = ("*",)


class Case(_Part):
    """One question and its answer. What is left out is a style that may be used anywhere, asked for by somebody."""

    name: Word
    asset: dict[Word, str | bool | date]
    style: StyleOfCase = StyleOfCase()
    asked_by: Word = "somebody"
    channel: Word = "web"
    territory: Word = "world"
    action: Action = "restyle"
    day: date
    expect: Literal["permitted", "refused"]
    reasons: frozenset[Word] | None = None

    @model_validator(mode="after")
    def _reasons_are_of_a_refusal(self) -> Case:
        if self.expect == "permitted" and self.reasons:
            raise ValueError("a permit has no reasons to expect")
        return self

    @property
    def question(self) -> Question:
        style = self.style
        terms = StyleTerms(
            style=StyleRef(style.name, style.version, _NOBODY_S_BYTES),
            approved=style.approved,
            licence=style.licence,
            valid_until=style.valid_until,
            asset_classes=frozenset(style.classes),
            channels=frozenset(style.channels),
            territories=frozenset(style.territories),
        )
        purpose = Purpose(self.asked_by, self.channel, self.territory)
        fields = {name: _as_a_sidecar_says(value) for name, value in self.asset.items()}
        return Question(facts_from_fields(fields), terms, purpose, self.day, self.action)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says to a case: the reasons of a refusal, or none for a permit."""

    permitted: bool
    reasons: frozenset[str]

    def __str__(self) -> str:
        return "permitted" if self.permitted else f"refused ({', '.join(sorted(self.reasons))})"


@dataclass(frozen=True, slots=True)
class Surprise:
    """A case to which a policy does not say what is expected."""

    case: Case
    found: Verdict

    @property
    def expected(self) -> str:
        reasons = self.case.reasons
        return self.case.expect if reasons is None else f"{self.case.expect} ({', '.join(sorted(reasons))})"


def read_cases(content: bytes) -> tuple[Case, ...]:
    """The table in a YAML file, or a PolicyError that names the case."""
    try:
        if len(content) > MAX_TABLE_BYTES:
            raise PolicyError(f"a table of over {MAX_TABLE_BYTES:,} bytes", "a smaller one")
        read = yaml.safe_load(content)
        cases = tuple(Case.model_validate(each) for each in read["cases"])
        for case in cases:
            _ = case.question
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "a case"
        name = first["input"].get("name") if isinstance(first["input"], dict) else first["input"]
        raise PolicyError(f"{where} of {ascii(name)[:120]} in the table", first["msg"]) from problem
    except (yaml.YAMLError, KeyError, TypeError, RecursionError) as problem:
        raise PolicyError(
            f"what is no table of cases ({ascii(str(problem))[:120]})", "YAML with a list named cases"
        ) from problem
    if not cases:
        raise PolicyError("a table without cases", "at least one")
    return cases


def verdicts(policy: Policy, cases: Sequence[Case]) -> list[Verdict]:
    """What the policy says to each case."""
    return [
        Verdict(True, frozenset())
        if isinstance(answer, Permit)
        else Verdict(False, frozenset(reason.code for reason in answer.reasons))
        for answer in policy.check_many(case.question for case in cases)
    ]


def surprises(policy: Policy, cases: Sequence[Case]) -> list[Surprise]:
    """The cases to which the policy says something else than is expected."""
    found = zip(cases, verdicts(policy, cases), strict=True)
    return [Surprise(case, verdict) for case, verdict in found if not _as_expected(case, verdict)]


def _as_expected(case: Case, verdict: Verdict) -> bool:
    same = verdict.permitted == (case.expect == "permitted")
    return same and (case.reasons is None or case.reasons == verdict.reasons)


def _as_a_sidecar_says(value: str | bool | date) -> str:
    """YAML reads ``yes`` and days by itself."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else value.isoformat()
