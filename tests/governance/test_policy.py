"""Policy: every reason at once, in the words of the case; and no folder, rule or question that fails open."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.errors import PolicyError
from governance.licences import is_valid_on
from governance.policy import Explanation, Permit, Policy, Purpose, Question, Refusal, StyleTerms
from governance.policy_question import ASSET_ATTRIBUTES, CONTEXT_ATTRIBUTES, STYLE_ATTRIBUTES, reduced
from governance.policy_rules import SCHEMA_NAME, SHIPPED_POLICIES, read_rule_book
from stylecore.data import AssetFacts, Digest, StyleRef, canonical_json

TODAY = date(2026, 2, 1)
YESTERDAY = TODAY - timedelta(days=1)
STYLE = StyleRef("risograph", 3, Digest.of(b"risograph"))
FACTS = AssetFacts("product", "CC-BY-4.0", derivatives_allowed=True, shows_person=False)
PERSON = replace(FACTS, asset_class="people", shows_person=True, consent="release-7", consent_until=TODAY)
TERMS = StyleTerms(
    style=STYLE,
    approved=True,
    licence="Apache-2.0",
    valid_until=date(2026, 12, 31),
    asset_classes=frozenset({"product", "people"}),
    channels=frozenset({"web", "social"}),
    territories=frozenset({"DE", "AT"}),
)
PURPOSE = Purpose("ann", "web", "DE")
SHIPPED = Policy.shipped()
SHIPPED_BOOK = read_rule_book(SHIPPED_POLICIES)

ANY = "(principal, action, resource)"
ALLOW_ALL = '@id("all")\n@reason("everything goes")\npermit (principal, action, resource);\n'


def ask(
    facts: AssetFacts = FACTS, terms: StyleTerms = TERMS, purpose: Purpose = PURPOSE, policy: Policy = SHIPPED
) -> Permit | Refusal:
    return policy.check(facts, terms, purpose, TODAY)


def refusal(answer: Permit | Refusal) -> Refusal:
    assert isinstance(answer, Refusal)
    return answer


def codes(answer: Permit | Refusal) -> set[str]:
    return {reason.code for reason in answer.reasons} if isinstance(answer, Refusal) else set()


def rule(code: str, text: str, reason: str = "x") -> str:
    return f'@id("{code}") @reason("{reason}")\n{text};'


def folder_with(tmp_path: Path, **rules: str) -> Path:
    folder = tmp_path / "policy"
    folder.mkdir()
    for name, text in rules.items():
        (folder / f"{name}.cedar").write_text(text)
    return folder


# The shipped rules


def test_an_approved_style_within_its_terms_is_permitted() -> None:
    permit = ask()
    assert isinstance(permit, Permit)
    assert (permit.style, permit.on) == (STYLE, TODAY)
    assert permit.policy_ids == ("approved_style_may_be_used",)
    assert permit.policy_digest == SHIPPED.digest


def test_a_permit_carries_facts_that_can_be_signed() -> None:
    permit = ask(PERSON)
    assert isinstance(permit, Permit)
    asked = json.loads(canonical_json(permit.asked))
    assert asked["asked_by"] == "ann"
    assert asked["asset_consent"] == "release-7"
    assert asked["asset_rights_until"] is None
    assert asked["style_package_digest"] == STYLE.package_digest


@pytest.mark.parametrize(
    ("code", "facts", "terms", "purpose", "says"),
    [
        ("style_not_approved", {}, {"approved": False}, {}, "risograph v3"),
        ("style_licence_expired", {}, {"valid_until": YESTERDAY}, {}, "(Apache-2.0) ended on 2026-01-31"),
        ("style_class_not_covered", {"asset_class": "food"}, {}, {}, "people, product, not food"),
        ("style_channel_not_covered", {}, {}, {"channel": "print"}, "social, web, not print"),
        ("style_territory_not_covered", {}, {}, {"territory": "FR"}, "AT, DE, not FR"),
        ("asset_licence_unknown", {"derivatives_allowed": None}, {}, {}, "(CC-BY-4.0)"),
        ("asset_licence_forbids_restyling", {"derivatives_allowed": False}, {}, {}, "(CC-BY-4.0)"),
        ("asset_rights_expired", {"rights_until": YESTERDAY}, {}, {}, "ended on 2026-01-31"),
        ("asset_people_unknown", {"shows_person": None}, {}, {}, "whether the asset shows a person"),
        ("person_without_consent", {"shows_person": True}, {}, {}, "no consent is on record"),
        (
            "consent_expired",
            {"shows_person": True, "consent": "release-7", "consent_until": YESTERDAY},
            {},
            {},
            "(release-7) ended on 2026-01-31",
        ),
    ],
)
@pytest.mark.parametrize("action", ["restyle", "publish"])
def test_each_wrong_is_refused_by_its_own_rule_in_the_words_of_the_case(
    code: str, facts: dict[str, object], terms: dict[str, object], purpose: dict[str, str], says: str, action: str
) -> None:
    answer = refusal(
        SHIPPED.check(
            replace(FACTS, **facts),  # type: ignore[arg-type]
            replace(TERMS, **terms),  # type: ignore[arg-type]
            replace(PURPOSE, **purpose),
            TODAY,
            action,  # type: ignore[arg-type]
        )
    )
    assert [reason.code for reason in answer.reasons] == [code]
    assert says in answer.reasons[0].text
    assert answer.policy_ids == (code,)
    assert answer.policy_digest == SHIPPED.digest


def test_every_reason_is_reported_at_once() -> None:
    facts = AssetFacts("food", None, None, YESTERDAY, True, "release-7", YESTERDAY)
    terms = replace(TERMS, approved=False, valid_until=YESTERDAY)
    assert codes(ask(facts, terms, Purpose("ann", "print", "FR"))) == {
        "asset_licence_unknown",
        "asset_rights_expired",
        "consent_expired",
        "style_not_approved",
        "style_licence_expired",
        "style_class_not_covered",
        "style_channel_not_covered",
        "style_territory_not_covered",
    }


def test_nothing_known_of_an_asset_is_refused() -> None:
    assert codes(ask(AssetFacts())) == {"asset_licence_unknown", "asset_people_unknown", "style_class_not_covered"}


def test_an_empty_consent_reference_is_no_consent() -> None:
    assert codes(ask(replace(PERSON, consent=""))) == {"person_without_consent"}


def test_a_star_in_the_terms_stands_for_any() -> None:
    star = frozenset({"*"})
    terms = replace(TERMS, asset_classes=star, channels=star, territories=star)
    assert isinstance(ask(replace(FACTS, asset_class="food"), terms, Purpose("ann", "tv", "JP")), Permit)


def test_a_purpose_everywhere_needs_terms_for_everywhere() -> None:
    assert codes(ask(purpose=replace(PURPOSE, territory="*"))) == {"style_territory_not_covered"}


def test_the_case_of_a_class_makes_no_difference() -> None:
    terms = replace(TERMS, asset_classes=frozenset({"PRODUCT"}))
    assert isinstance(ask(replace(FACTS, asset_class="Product"), terms), Permit)


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(-3, 3))
@settings(max_examples=30)
def test_a_right_ends_after_its_last_day_as_the_arithmetic_says(on: date, days: int) -> None:
    until = on + timedelta(days=days)
    terms = replace(TERMS, valid_until=None)
    answers = [
        SHIPPED.check(replace(FACTS, rights_until=until), terms, PURPOSE, on),
        SHIPPED.check(replace(PERSON, consent_until=until), terms, PURPOSE, on),
        SHIPPED.check(FACTS, replace(TERMS, valid_until=until), PURPOSE, on),
    ]
    assert [isinstance(answer, Permit) for answer in answers] == [is_valid_on(until, on)] * 3


@pytest.mark.parametrize("approved", [True, False])
def test_the_shipped_policy_never_falls_back_to_the_unexplained_default(approved: bool) -> None:
    assert "nothing_permits" not in codes(ask(AssetFacts(), replace(TERMS, approved=approved)))


def test_the_schema_lists_exactly_the_facts_that_questions_carry() -> None:
    text = (SHIPPED_POLICIES / SCHEMA_NAME).read_text()
    for name in ASSET_ATTRIBUTES.keys() | STYLE_ATTRIBUTES | CONTEXT_ATTRIBUTES:
        assert f" {name}: " in text or f" {name}?: " in text, name


def test_a_folder_permits_what_it_says_and_nothing_more(tmp_path: Path) -> None:
    head = 'permit (principal, action == Action::"restyle", resource)'
    only_food = rule("only_food", head + ' when { resource.class == "food" && context.style.approved }')
    policy = Policy.from_folder(folder_with(tmp_path, only=only_food))
    assert isinstance(ask(replace(FACTS, asset_class="food"), policy=policy), Permit)
    answer = refusal(ask(policy=policy))
    assert codes(answer) == {"nothing_permits"}
    assert answer.policy_ids == ()
    assert answer.reasons[0].text == (
        'no rule permits this; only_food comes nearest and also asks for resource.class == "food"'
    )


def test_the_permit_that_lacks_least_is_called_the_nearest(tmp_path: Path) -> None:
    far = 'permit (principal == Person::"bob", action, resource) when { resource.class == "food" }'
    unless = 'unless { context.channel == "web" || resource.hasTag("embargo") }'
    near = f"permit {ANY} when {{ context.style.approved }} {unless}"
    folder = folder_with(tmp_path, a=rule("far", far), b=rule("near", near))
    text = refusal(ask(policy=Policy.from_folder(folder))).reasons[0].text
    assert text.startswith("no rule permits this; near comes nearest and also asks for not ")
    assert 'context.channel == "web"' in text


def test_a_folder_of_prohibitions_alone_permits_nothing_and_says_so(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, a=rule("no_food", f'forbid {ANY} when {{ resource.class == "food" }}'))
    answer = refusal(ask(policy=Policy.from_folder(folder)))
    assert answer.reasons[0].text == "no rule of this policy permits anything"


# Rules of one's own


def test_a_rule_of_ones_own_adds_its_code_and_words_to_the_shipped_ones(tmp_path: Path) -> None:
    text = 'forbid (principal, action == Action::"publish", resource) when { resource.hasTag("embargo") }'
    embargoed = rule("embargoed", text, "{class} pictures are under embargo for {channel}, {asked_by}")
    policy = Policy.from_folder(folder_with(tmp_path, mine=embargoed), with_shipped=True)
    facts = replace(FACTS, derivatives_allowed=False, tags={"embargo": "yes", "title": "x"})
    answer = refusal(policy.check(facts, TERMS, PURPOSE, TODAY, "publish"))
    assert codes(answer) == {"embargoed", "asset_licence_forbids_restyling"}
    assert "product pictures are under embargo for web, ann" in {reason.text for reason in answer.reasons}
    assert codes(policy.check(facts, TERMS, PURPOSE, TODAY)) == {"asset_licence_forbids_restyling"}


def test_a_rule_may_read_any_fact_that_the_schema_names(tmp_path: Path) -> None:
    mine = (
        'forbid (principal == Person::"ann", action, resource) when {'
        ' resource has consent && resource.consent like "internal-*" && context.style.name == "risograph" &&'
        ' context.style.version < 4 && resource has licence && resource.licence == "CC-BY-4.0" }'
    )
    policy = Policy.from_folder(folder_with(tmp_path, a=ALLOW_ALL, b=rule("mine", mine)))
    internal, bo = replace(PERSON, consent="internal-1"), replace(PURPOSE, asked_by="bo")
    assert codes(ask(internal, policy=policy)) == {"mine"}
    assert isinstance(ask(PERSON, policy=policy), Permit)
    assert isinstance(ask(internal, purpose=bo, policy=policy), Permit)


def test_a_fact_is_never_taken_for_a_format(tmp_path: Path) -> None:
    answer = refusal(ask(replace(FACTS, licence="{asked_by.__class__}%s\\1", derivatives_allowed=False)))
    assert "({asked_by.__class__}%s\\1)" in answer.reasons[0].text


def test_hostile_facts_are_shown_bounded_and_plain() -> None:
    answer = refusal(ask(replace(FACTS, licence="\x1b[31m" + "x" * 5000, derivatives_allowed=False)))
    assert answer.reasons[0].text.isprintable()
    assert len(answer.reasons[0].text) < 300


# Fail closed

OVERFLOWS = "when { context.style.version + 9223372036854775807 == 0 }"


def test_a_rule_that_fails_while_it_is_applied_refuses(tmp_path: Path) -> None:
    overflow = rule("overflow", f"forbid {ANY} {OVERFLOWS}")
    policy = Policy.from_folder(folder_with(tmp_path, mine=overflow), with_shipped=True)
    answer = refusal(ask(policy=policy))
    assert codes(answer) == {"policy_error"}
    assert answer.policy_ids == ("overflow",)
    assert "overflow" in answer.reasons[0].text


def test_a_failing_rule_does_not_hide_the_other_reasons(tmp_path: Path) -> None:
    overflow = rule("overflow", f"permit {ANY} {OVERFLOWS}")
    policy = Policy.from_folder(folder_with(tmp_path, mine=overflow), with_shipped=True)
    assert codes(ask(replace(FACTS, shows_person=None), policy=policy)) == {"policy_error", "asset_people_unknown"}


@pytest.mark.parametrize(
    ("facts", "purpose", "style"),
    [
        (FACTS, replace(PURPOSE, channel="\ud800"), STYLE),
        (FACTS, replace(PURPOSE, asked_by="\ud800"), STYLE),
        (replace(FACTS, asset_class="\ud800"), PURPOSE, STYLE),
        (FACTS, PURPOSE, replace(STYLE, version=2**70)),
    ],
)
def test_a_question_that_cannot_be_put_is_refused_and_spoils_no_other(
    facts: AssetFacts, purpose: Purpose, style: StyleRef
) -> None:
    broken = Question(facts, replace(TERMS, style=style), purpose, TODAY)
    good = Question(FACTS, TERMS, PURPOSE, TODAY)
    before, answer, after = Policy.shipped().check_many([good, broken, good])
    assert "policy_error" in codes(answer)
    assert all(reason.text.isprintable() for reason in refusal(answer).reasons)
    assert isinstance(before, Permit)
    assert isinstance(after, Permit)


def test_an_action_that_does_not_exist_is_refused() -> None:
    answer = SHIPPED.check(FACTS, TERMS, PURPOSE, TODAY, "sell")  # type: ignore[arg-type]
    assert codes(answer) == {"policy_error"}


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("// nothing but a comment; here", "there is no rule in"),
        (
            '@id("a") @reason("x")\npermit (principal,\n  action resource);',
            "rules.cedar:3: unexpected token `resource`",
        ),
        (
            ALLOW_ALL + '@id("a") @reason("x")\npermit (principal, action, resource)\nwhen { context. };',
            "rules.cedar:6: ",
        ),
        ('@id("a") @reason("x") permit (principal, action, resource)', "rules.cedar:1: unexpected end of input"),
        ('// "a;\n@id("a") @reason("; // {") \npermit (principal, action, resource);', None),
        ('@id("a") @reason("x) permit (principal, action, resource);', "rules.cedar:1: "),
        ('@reason("x") permit (principal, action, resource);', "rules.cedar:1: the rule's id is ''"),
        ('@id("Not A Code") @reason("x") permit (principal, action, resource);', "the rule's id is 'Not A Code'"),
        ('\n\n@id("a") permit (principal, action, resource);', "rules.cedar:3: the rule a has no reason"),
        ('@id("a") @reason(" ") permit (principal, action, resource);', "the rule a has no reason"),
        ('@id("a") @reason("{colour}") permit (principal, action, resource);', "the reason speaks of {colour}"),
        ('@id("a") @reason("{style.__class__}") permit (principal, action, resource);', "the reason speaks of {style"),
        (ALLOW_ALL + ALLOW_ALL, "rules.cedar:4: the id all is already that of the rule at rules.cedar:1"),
        (ALLOW_ALL + ";", "rules.cedar:4: "),
        (rule("a", "permit (principal == ?principal, action, resource)"), "has a slot"),
        (rule("a", 'permit (principal, action == Action::"sell", resource)'), "rules.cedar:1: "),
        (rule("a", f"permit {ANY} when {{ context.colour == 3 }}"), "`colour` in context"),
        (rule("a", f"permit {ANY} when {{ context.channel == 3 }}"), "rules.cedar:1: "),
        (rule("a", f'permit {ANY} when {{ resource.consent == "" }}'), "optional attribute"),
        (rule("a", f"forbid {ANY} when {{ resource has rihgts_until }}"), "no fact named 'rihgts_until'"),
        (rule("a", 'forbid (principal, action, resource == Asset::"7")'), 'the rule names Asset::"7"'),
        (rule("a", f'forbid {ANY} when {{ context.style == Style::"7" }}'), 'the rule names Style::"7"'),
        (rule("a", f"permit {ANY} when {{ {'(' * 5000}true{')' * 5000} }}"), "too large"),
        (rule("a", f"permit {ANY} when {{ true{' && true' * 2000} }}"), "too large"),
        (rule("a", f"permit {ANY} when {{ {'!' * 600}true }}"), "too large"),
        (rule("a", f"permit {ANY} when {{ true{' && true' * 300} }}"), "nesting"),
    ],
)
def test_a_rule_that_cannot_be_relied_on_is_told_with_file_and_line(tmp_path: Path, text: str, got: str | None) -> None:
    folder = folder_with(tmp_path, rules=text)
    if got is None:
        assert Policy.from_folder(folder)
        return
    with pytest.raises(PolicyError) as caught:
        Policy.from_folder(folder)
    assert got in caught.value.got
    assert caught.value.expected
    assert caught.value.kind == "policy"


def test_hostile_nesting_does_not_take_the_process_down(tmp_path: Path) -> None:
    """In a process of its own, since a failure here is a crash."""
    folder = folder_with(tmp_path, a=rule("a", f"permit {ANY} when {{" + "[" * 400_000))
    code = "import sys, pathlib, governance.policy as p; p.Policy.from_folder(pathlib.Path(sys.argv[1]))"
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", code, folder], cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "PolicyError" in ended.stderr


SHIPPED_RULES = "".join(path.read_text() for path in sorted(SHIPPED_POLICIES.glob("*.cedar")))


@given(
    st.integers(0, len(SHIPPED_RULES)), st.integers(1, 40), st.sampled_from(["", '"', "{", ";", "//", "\N{SNOWMAN}"])
)
@settings(max_examples=60, deadline=None)
def test_a_damaged_policy_is_told_or_still_a_policy(start: int, length: int, instead: str) -> None:
    with TemporaryDirectory() as folder:
        text = SHIPPED_RULES[:start] + instead + SHIPPED_RULES[start + length :]
        (Path(folder) / "rules.cedar").write_text(text)
        try:
            told = Policy.from_folder(Path(folder)).digest != SHIPPED.digest
        except PolicyError as problem:
            told = "rules.cedar:" in problem.got
    assert told


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        Policy.from_folder(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["embargo.cedar.txt", "embargo.Cedar", "embargo", "more.json"])
def test_a_file_that_nobody_would_read_is_refused(tmp_path: Path, name: str) -> None:
    folder = folder_with(tmp_path, a=ALLOW_ALL)
    (folder / name).write_text("forbid (principal, action, resource);")
    with pytest.raises(PolicyError, match="would not be read"):
        Policy.from_folder(folder)


def test_a_folder_in_the_folder_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, a=ALLOW_ALL)
    (folder / "more.cedar").mkdir()
    with pytest.raises(PolicyError, match="would not be read"):
        Policy.from_folder(folder)


def test_notes_and_hidden_files_may_lie_beside_the_rules(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, a=ALLOW_ALL)
    (folder / "README.md").write_text("why")
    (folder / ".gitignore").write_text("*~")
    assert Policy.from_folder(folder).digest


@pytest.mark.parametrize(("content", "got"), [(b"\xff\xfe", "not text"), (b" " * 1_000_001, "too large")])
def test_a_file_that_is_no_text_is_told(tmp_path: Path, content: bytes, got: str) -> None:
    folder = folder_with(tmp_path)
    (folder / "a.cedar").write_bytes(content)
    with pytest.raises(PolicyError, match=got):
        Policy.from_folder(folder)


def test_a_schema_that_differs_from_the_one_in_force_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, a=ALLOW_ALL)
    (folder / SCHEMA_NAME).write_text("entity Person;")
    with pytest.raises(PolicyError, match="differs from the schema in force"):
        Policy.from_folder(folder)


# What identifies a policy


def test_a_copy_of_the_shipped_folder_is_the_same_policy(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED_POLICIES, tmp_path / "copy")
    assert Policy.from_folder(tmp_path / "copy").digest == SHIPPED.digest


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a.cedar").write_text(ALLOW_ALL + "\n"),
        lambda folder: (folder / "a.cedar").rename(folder / "b.cedar"),
        lambda folder: (folder / "c.cedar").write_text("// nothing"),
    ],
)
def test_any_change_of_a_name_or_a_byte_changes_the_digest(tmp_path: Path, change: Callable[[Path], object]) -> None:
    folder = folder_with(tmp_path, a=ALLOW_ALL)
    before = Policy.from_folder(folder).digest
    change(folder)
    assert Policy.from_folder(folder).digest != before


def test_a_policy_does_not_change_when_its_folder_does(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, a=ALLOW_ALL)
    policy = Policy.from_folder(folder)
    (folder / "a.cedar").write_text("nonsense")
    assert isinstance(ask(policy=policy), Permit)


# Many questions

WORDS = st.sampled_from(["product", "people", "food", "*"])
MAYBE = st.sampled_from([None, True, False])
MAYBE_DAYS = st.sampled_from([None, *(TODAY + timedelta(days=days) for days in (-9, -1, 0, 1, 5, 6, 40))])
ALL_FACTS = st.builds(
    AssetFacts,
    WORDS,
    st.sampled_from([None, "CC0-1.0", "CC-BY-ND-4.0"]),
    MAYBE,
    MAYBE_DAYS,
    MAYBE,
    st.one_of(st.none(), st.text(max_size=3)),
    MAYBE_DAYS,
    st.dictionaries(st.sampled_from(["embargo", "title"]), st.text(max_size=3)),
)
ALL_TERMS = st.builds(
    StyleTerms, st.just(STYLE), st.booleans(), st.just("X"), MAYBE_DAYS, *[st.frozensets(WORDS, max_size=2)] * 3
)
ALL_PURPOSES = st.builds(Purpose, st.sampled_from(["ann", "bo"]), WORDS, WORDS)
ACTIONS = st.sampled_from(["restyle", "publish"])
QUESTIONS = st.builds(Question, ALL_FACTS, ALL_TERMS, ALL_PURPOSES, st.just(TODAY), ACTIONS)

OWN_RULES = """
@id("embargoed") @reason("x") forbid (principal, action == Action::"publish", resource)
when { resource.hasTag("embargo") && resource.getTag("embargo") != "" };
@id("not_bo") @reason("x") forbid (principal == Person::"bo", action, resource) when { resource has licence };
@id("odd_consent") @reason("x") forbid (principal, action, resource)
when { resource has consent && resource.consent like "*a*" };
@id("ends_soon") @reason("x") forbid (principal, action, resource)
when { resource has rights_until && resource.rights_until <= context.today.offset(duration("5d")) };
@id("ends_today") @reason("x") forbid (principal, action == Action::"publish", resource)
when { resource has consent_until && context.today == resource.consent_until };
"""


@pytest.fixture(scope="module")
def own_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_with(tmp_path_factory.mktemp("own"), own=OWN_RULES)


@pytest.mark.parametrize("own_rules", [False, True])
@given(questions=st.lists(QUESTIONS, max_size=12))
@settings(max_examples=40, deadline=None)
def test_asking_together_gives_the_answers_of_asking_one_by_one(
    own_policy: Path, own_rules: bool, questions: list[Question]
) -> None:
    """Each question alone goes to a policy that remembers nothing; so what is deduplicated is exact."""
    book = read_rule_book(SHIPPED_POLICIES, own_policy) if own_rules else SHIPPED_BOOK
    alone = [Policy(book).check_many([question])[0] for question in questions]
    assert Policy(book).check_many([*questions, *questions]) == [*alone, *alone]


@given(QUESTIONS)
@settings(max_examples=150)
def test_the_shipped_rules_say_what_the_same_rules_in_python_say(question: Question) -> None:
    facts, terms, purpose = question.facts, question.terms, question.purpose
    person = facts.shows_person is True
    expected = {
        "style_not_approved": not terms.approved,
        "style_licence_expired": not is_valid_on(terms.valid_until, TODAY),
        "style_class_not_covered": not terms.asset_classes & {"*", facts.asset_class},
        "style_channel_not_covered": not terms.channels & {"*", purpose.channel},
        "style_territory_not_covered": not terms.territories & {"*", purpose.territory},
        "asset_licence_unknown": facts.derivatives_allowed is None,
        "asset_licence_forbids_restyling": facts.derivatives_allowed is False,
        "asset_rights_expired": not is_valid_on(facts.rights_until, TODAY),
        "asset_people_unknown": facts.shows_person is None,
        "person_without_consent": person and not facts.consent,
        "consent_expired": person and bool(facts.consent) and not is_valid_on(facts.consent_until, TODAY),
    }
    answer = SHIPPED.check_many([question])[0]
    assert codes(answer) == {code for code, applies in expected.items() if applies}
    assert isinstance(answer, Permit) == (not any(expected.values()))


def test_a_hundred_different_ends_are_only_a_few_questions() -> None:
    ends = [TODAY + timedelta(days=days) for days in range(-50, 50)]
    facts = [replace(PERSON, rights_until=end, consent_until=end, consent=f"release-{end}") for end in ends]
    assert len({reduced(Question(one, TERMS, PURPOSE, TODAY), SHIPPED_BOOK.reads) for one in facts}) == 3


def test_answers_keep_the_order_and_the_words_of_their_questions() -> None:
    facts = [replace(FACTS, licence=f"licence-{number}", derivatives_allowed=False) for number in range(600)]
    answers = SHIPPED.check_many(Question(one, TERMS, PURPOSE, TODAY) for one in facts)
    texts = [refusal(answer).reasons[0].text for answer in answers]
    assert texts == [f"the asset's licence (licence-{number}) does not allow altered copies" for number in range(600)]


def test_a_tag_that_no_rule_names_may_still_be_read_where_a_rule_reads_any(tmp_path: Path) -> None:
    tagged = rule("tagged", f"forbid {ANY} when {{ resource.hasTag(context.channel) }}")
    policy = Policy.from_folder(folder_with(tmp_path, a=ALLOW_ALL, b=tagged))
    assert codes(ask(replace(FACTS, tags={"web": ""}), policy=policy)) == {"tagged"}
    assert isinstance(ask(replace(FACTS, tags={"tv": ""}), policy=policy), Permit)


def test_threads_may_share_a_policy() -> None:
    policy, answers = Policy.shipped(), list[list[Permit | Refusal]]()
    ends = [TODAY + timedelta(days=day) for day in range(-300, 300)]

    def ask_all() -> None:
        answers.append([ask(replace(FACTS, rights_until=end), policy=policy) for end in ends])

    threads = [Thread(target=ask_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [False] * 300 + [True] * 300
    assert [[isinstance(answer, Permit) for answer in some] for some in answers] == [expected] * 4


# Explaining


def explained(facts: AssetFacts, purpose: Purpose = PURPOSE) -> Explanation:
    ink = replace(TERMS, style=replace(STYLE, name="ink"), valid_until=None, channels=frozenset({"*"}))
    old = replace(TERMS, style=replace(STYLE, name="old"), approved=False)
    return SHIPPED.explain(facts, TERMS, [TERMS, ink, old], purpose, TODAY)


def test_a_permit_is_explained_with_the_first_day_that_anything_ends() -> None:
    told = explained(replace(PERSON, rights_until=date(2026, 6, 30), consent_until=date(2026, 3, 31)))
    assert isinstance(told.answer, Permit)
    assert told.until == date(2026, 3, 31)


def test_a_refusal_names_the_styles_that_could_be_used_and_until_when() -> None:
    told = explained(replace(FACTS, rights_until=date(2026, 6, 30)), replace(PURPOSE, channel="print"))
    assert codes(told.answer) == {"style_channel_not_covered"}
    assert told.until is None
    assert [(str(one.style), one.until) for one in told.alternatives] == [("ink v3", date(2026, 6, 30))]


def test_no_other_style_helps_when_the_consent_has_ended() -> None:
    told = explained(replace(PERSON, consent_until=YESTERDAY))
    assert refusal(told.answer).reasons[0].text == ("the consent on record (release-7) ended on 2026-01-31")
    assert told.alternatives == ()


def test_a_consent_that_nobody_needs_does_not_end_anything() -> None:
    told = explained(replace(FACTS, consent_until=date(2026, 3, 1)))
    assert told.until == date(2026, 12, 31)
