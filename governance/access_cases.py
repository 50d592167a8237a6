"""Expected answers to who may do what: the part of a table of cases that the rules of access have to keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from governance.authority import Act, Allowed, Authority, Deed
from governance.errors import PolicyError
from governance.people import Role
from governance.policy_cases import MAX_TABLE_BYTES

Word = Annotated[str, Field(min_length=1, max_length=200)]


class AccessCase(BaseModel):
    """Somebody with these roles, what they are about to do to what, and what they have to be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Word
    person: Word = "somebody"
    roles: frozenset[Role] = frozenset()
    act: Act
    subject: Word = "style:a-style/1"
    registered_by: Word | None = None
    asked_by: Word | None = None
    expect: Literal["permitted", "refused"]
    reasons: frozenset[Word] | None = None


@dataclass(frozen=True, slots=True)
class AccessSurprise:
    """A case in which the rules say something else than is expected."""

    case: AccessCase
    found: str

    @property
    def expected(self) -> str:
        reasons = self.case.reasons
        return self.case.expect if reasons is None else f"{self.case.expect} ({', '.join(sorted(reasons))})"


def read_access_cases(content: bytes) -> tuple[AccessCase, ...]:
    """The list ``access`` of a table; it may be absent."""
    if len(content) > MAX_TABLE_BYTES:
        raise PolicyError(f"a table of over {MAX_TABLE_BYTES:,} bytes", "a smaller one")
    try:
        read = yaml.safe_load(content)
        return tuple(AccessCase.model_validate(each) for each in read.get("access", ()))
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "a case"
        raise PolicyError(f"{where} says {ascii(first['input'])[:120]} in the table", first["msg"]) from problem
    except (yaml.YAMLError, AttributeError, TypeError, RecursionError) as problem:
        told = ascii(str(problem))[:120]
        raise PolicyError(f"what is no table of cases ({told})", "YAML with a list named access") from problem


def access_surprises(authority: Authority, cases: Sequence[AccessCase]) -> list[AccessSurprise]:
    found = ((case, _surprise(authority, case)) for case in cases)
    return [AccessSurprise(case, told) for case, told in found if told is not None]


def _surprise(authority: Authority, case: AccessCase) -> str | None:
    """What the rules say, unless it is as expected."""
    deed = Deed(case.act, case.subject, case.registered_by, case.asked_by)
    answer = authority.of_roles(case.roles, deed, case.person)
    if isinstance(answer, Allowed):
        return None if case.expect == "permitted" else "permitted"
    codes = {reason.code for reason in answer.reasons}
    as_expected = case.expect == "refused" and case.reasons in (None, codes)
    return None if as_expected else f"refused ({', '.join(sorted(codes))})"
