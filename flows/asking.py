"""Asking the policy about an item as things are at this moment: licences end, and consents are withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from flows.mask_pictures import MaskProblem, refuse_other_zones
from flows.stores.base import Store
from governance import recalls
from governance.db import Database
from governance.items import Item
from governance.policy import Action, Policy, Purpose, Question, Refusal, StyleTerms, together
from governance.policy_records import Asked, Ruling
from governance.recall_reach import Made
from governance.registered_rights import under_register
from stylecore.data import Recipe, StyleRef


@dataclass(frozen=True, slots=True)
class Asking:
    """Where facts and terms come from, and the policy they are put to: one and the same for a whole run."""

    records: Database
    source: Store
    policy: Policy
    terms_for: Callable[[StyleRef, Recipe], tuple[StyleTerms, ...]]
    today: Callable[[], date]

    def about(self, item: Item, action: Action) -> Ruling:
        """The answer for every style that the recipe uses together.

        Besides, no recall may reach the item, and what was to be protected has to be where it was.
        """
        facts = self.source.facts(item.ref)
        purpose, today = Purpose(item.asked_by, item.channel, item.territory), self.today()
        terms = self.terms_for(item.style, item.recipe)
        questions = under_register(self.records, [Question(facts, each, purpose, today, action) for each in terms])
        asked = tuple(map(Asked, questions, self.policy.check_many(questions)))
        answer = together([each.answer for each in asked])
        made = Made.of(item.ref.key, item.asset_digest, item.recipe, facts, terms)
        against = recalls.in_force(self.records).reasons(made)
        try:
            refuse_other_zones(self.source, item.recipe, facts)
        except MaskProblem as problem:
            against = (*against, problem.reason)
        if against:
            reasons = answer.reasons if isinstance(answer, Refusal) else ()
            answer = Refusal((*reasons, *against), (), self.policy.digest)
        return Ruling(answer, asked)
