"""Who may do what here: the one decision point that every action of the product goes through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import cedarpy

from governance import ledger, people
from governance.access_rules import AccessRules, read_access_rules
from governance.db import Database
from governance.events import EventKind, NewEvent
from governance.names import folded
from governance.people import Role
from governance.plain_text import made_plain, require_plain
from stylecore.data import Digest, Reason, canonical_json

OPEN_WORKSPACE = "open_workspace"
"""The rule by which all is allowed where nobody has a role yet: somebody has to give out the first one."""


class Act(StrEnum):
    """What a person can do with the product, beside what a campaign does with an asset."""

    APPLY = "apply"
    """Run a campaign: restyle assets with an approved style."""
    REGISTER = "register"
    EVALUATE = "evaluate"
    APPROVE = "approve"
    RETIRE = "retire"
    """Withdraw a style version: retire, revoke, roll back."""
    REVIEW = "review"
    PUBLISH_REVIEWED = "publish_reviewed"
    RECALL = "recall"
    KEEP_RIGHTS = "keep_rights"
    """Record and withdraw licences and consents; place and release legal holds."""
    READ_AUDIT = "read_audit"
    ADMINISTER = "administer"
    """People, roles, keys; and breaking the glass."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """This person may do this, by these rules."""

    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Denied:
    """They may not, and these are all the reasons."""

    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Deed:
    """What is about to be done to what. The facts are names of people: who registered it, who asked for it."""

    act: Act
    subject: str
    registered_by: str | None = None
    asked_by: str | None = None

    def facts(self) -> dict[str, str]:
        named = {"registered_by": self.registered_by, "asked_by": self.asked_by}
        return {"name": self.subject, **{name: folded(who) for name, who in named.items() if who is not None}}


class Authority:
    """The people of a workspace and the rules of what their roles allow."""

    def __init__(self, records: Database, rules: AccessRules | None = None) -> None:
        self._records = records
        self._rules = rules or read_access_rules()

    @property
    def rules_digest(self) -> Digest:
        return self._rules.digest

    def ask(self, person: str, deed: Deed) -> Allowed | Denied:
        """Asked of the records each time: a role that was withdrawn counts at once."""
        name = require_plain(person, "the person's name", max_chars=100)
        standing = people.standing(self._records, name)
        if not standing.anyone:
            return self._answer(name, deed, frozenset(), nobody_has_a_role=True)
        return self._answer(name, deed, standing.roles)

    def record_refused(self, person: str, deed: Deed, answer: Denied) -> None:
        """Who tried what, and why not: compliance wants to see attempts too."""
        told = {"act": deed.act, "reasons": [{"code": each.code, "text": each.text} for each in answer.reasons]}
        event = NewEvent(EventKind.ACCESS_REFUSED, made_plain(person, 100), made_plain(deed.subject, 200), told)
        with self._records.write() as connection:
            ledger.append(connection, [event])

    def of_roles(self, roles: frozenset[Role], deed: Deed, person: str = "somebody") -> Allowed | Denied:
        """What anybody with these roles would be told: the table of roles and acts is made with this."""
        return self._answer(person, deed, roles)

    def _answer(
        self, person: str, deed: Deed, roles: frozenset[Role], *, nobody_has_a_role: bool = False
    ) -> Allowed | Denied:
        said, errors = self._asked(person, deed, frozenset(Role) if nobody_has_a_role else roles)
        forbidding = [rule for name, rule in self._rules.rules.items() if name in said and rule.forbids]
        if errors or forbidding:
            words = {"person": person, "action": deed.act.replace("_", " "), "subject": deed.subject}
            plain: Mapping[str, str] = {name: made_plain(word, 120) for name, word in words.items()}
            reasons = [Reason(rule.id, rule.reason_with(plain)) for rule in forbidding]
            broken = "the rules could not be applied, so the answer is no: "
            reasons += [Reason("policy_error", broken + made_plain(each, 300)) for each in errors]
            return Denied(tuple(reasons))
        if not said:
            return Denied((self._no_role(person, deed, roles),))
        return Allowed((OPEN_WORKSPACE,) if nobody_has_a_role else tuple(sorted(said)))

    def _asked(self, person: str, deed: Deed, roles: frozenset[Role]) -> tuple[set[str], list[str]]:
        """The rules that apply. Cedar skips a rule that fails and decides without it; here its error is a no."""
        parents = [{"type": "Role", "id": role} for role in sorted(roles)]
        entities = [
            {"uid": {"type": "Person", "id": person}, "attrs": {"name": folded(person)}, "parents": parents},
            {"uid": {"type": "Subject", "id": deed.subject}, "attrs": deed.facts(), "parents": []},
            *({"uid": parent, "attrs": {}, "parents": []} for parent in parents),
        ]
        request = {
            "principal": {"type": "Person", "id": person},
            "action": {"type": "Action", "id": str(deed.act)},
            "resource": {"type": "Subject", "id": deed.subject},
            "context": {},
        }
        rules = self._rules
        parsed = cedarpy.Entities.from_json_str(canonical_json(entities).decode(), rules.schema)
        result = cedarpy.is_authorized(request, rules.policy_set, parsed, rules.schema)
        errors = sorted(result.diagnostics.errors)
        if result.decision is cedarpy.Decision.NoDecision and not errors:
            errors = ["no decision was made"]
        return set(result.diagnostics.reasons), errors

    def _no_role(self, person: str, deed: Deed, roles: frozenset[Role]) -> Reason:
        """Default deny says nothing by itself: say which roles would be allowed, so that one knows whom to ask."""
        enough = [role for role in Role if self._suffices(role, deed)]
        has = f"has the roles {', '.join(sorted(roles))}" if roles else "has no role"
        may = f"it takes {' or '.join(enough)}" if enough else "no role allows it"
        return Reason("no_role", made_plain(f"{person} {has}; to {deed.act.replace('_', ' ')} {deed.subject}, {may}"))

    def _suffices(self, role: Role, deed: Deed) -> bool:
        said, errors = self._asked("somebody", deed, frozenset({role}))
        return not errors and any(not self._rules.rules[name].forbids for name in said)
