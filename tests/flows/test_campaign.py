"""A campaign file says what is asked for; a wrong one says what is wrong, where, and what is allowed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from flows.campaign import Campaign
from flows.campaign_file import MAX_FILE_BYTES, CampaignError, parse_campaign, read_campaign
from flows.errors import UsageError

WHOLE = """\
campaign: autumn-lookbook
description: Everything for the autumn pages
asked_by: maria@brand.example
purpose: {channel: web, territory: DE}
source:
  store: {kind: folder, path: library}
  select:
    include: ["products/**"]
    where: {class: [product]}
    changed_since: 2026-01-01
style: {name: risograph, version: 2}
recipe: {strength: 0.8}
quality:
  bounds:
    - {metric: ssim_eighth, at_least: 0.4, otherwise: review}
routing: {sample_share: 0.1, four_eyes_classes: [person]}
publish:
  store: {kind: s3, bucket: restyled, prefix: autumn/}
  format: webp
schedule: {cron: "0 3 * * *", timezone: Europe/Berlin}
engine: {shard_size: 200}
"""


def with_line(old: str, new: str) -> bytes:
    assert old in WHOLE
    return WHOLE.replace(old, new).encode()


def problems(content: bytes) -> list[str]:
    with pytest.raises(CampaignError) as caught:
        parse_campaign(content)
    return [str(problem) for problem in caught.value.problems]


def read_or_told(content: bytes) -> Campaign | CampaignError:
    try:
        return parse_campaign(content)
    except CampaignError as told:
        return told


def test_a_whole_campaign_is_read_into_one_typed_object() -> None:
    campaign = parse_campaign(WHOLE.encode())
    assert campaign.style.version == 2
    assert campaign.full_recipe.output_format == "webp"
    assert campaign.full_purpose.territory == "DE"
    assert campaign.rules.bounds[0].metric == "ssim_eighth"


def test_a_value_out_of_range_is_named_with_its_line_and_what_is_allowed() -> None:
    assert problems(with_line("strength: 0.8", "strength: 3")) == [
        "line 12, recipe.strength: got 3; input should be less than or equal to 1"
    ]


def test_a_misspelt_field_is_refused_and_not_ignored() -> None:
    assert problems(with_line("description:", "desciption:")) == ["line 2, desciption: unknown field"]


def test_a_missing_field_is_named_at_the_part_it_belongs_to() -> None:
    assert problems(with_line("{channel: web, territory: DE}", "{channel: web}")) == [
        "line 4, purpose.territory: missing, and it is required"
    ]


def test_every_problem_is_told_at_once() -> None:
    content = WHOLE.replace("territory: DE", "territory: Germany").replace("shard_size: 200", "shard_size: 0").encode()
    assert [told.split(":")[0] for told in problems(content)] == [
        "line 4, purpose.territory",
        "line 21, engine.shard_size",
    ]


def test_an_unknown_kind_of_store_lists_the_kinds_there_are() -> None:
    (told,) = problems(with_line("kind: s3, bucket: restyled", "kind: ftp, bucket: restyled"))
    assert told == "line 18, publish.store: got kind 'ftp'; allowed: 'folder', 's3'"


def test_a_field_that_stands_twice_is_refused() -> None:
    (told,) = problems(WHOLE.encode() + b"asked_by: somebody-else\n")
    assert told == "line 22, YAML: the field asked_by stands here twice"


def test_a_wrong_schedule_says_what_a_right_one_looks_like() -> None:
    (told,) = problems(with_line('"0 3 * * *"', '"every night"'))
    assert "0 3 * * *" in told


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"- a", b"\x00\x01", b"{", b"a: b: c", b"\xff\xfe\xff", b"!!python/name:os.system x"]
)
def test_what_is_not_a_campaign_at_all_is_refused_plainly(content: bytes) -> None:
    assert problems(content)


def test_a_file_that_unfolds_into_gigabytes_is_refused() -> None:
    bomb = b"a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n"
    (told,) = problems(bomb)
    assert "aliases" in told
    assert "larger than" in problems(b"#" * (MAX_FILE_BYTES + 1))[0]


@given(st.binary(max_size=400))
def test_no_bytes_at_all_bring_anything_but_a_campaign_or_a_told_problem(content: bytes) -> None:
    with pytest.raises(CampaignError):
        parse_campaign(content)


@given(st.text(max_size=60), st.sampled_from(["autumn-lookbook", "library", "risograph", "DE", "0.8", "person"]))
def test_no_text_in_any_place_breaks_the_reading(text: str, place: str) -> None:
    assert isinstance(
        read_or_told(WHOLE.replace(place, text).encode("utf-8", "surrogatepass")), Campaign | CampaignError
    )


def test_relative_folders_are_taken_from_the_campaign_file(tmp_path: Path) -> None:
    (tmp_path / "campaign.yaml").write_text(WHOLE)
    store = read_campaign(tmp_path / "campaign.yaml").source.store
    assert store.kind == "folder"
    assert store.path == tmp_path / "library"


def test_a_campaign_file_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="restyle campaign example"):
        read_campaign(tmp_path / "missing.yaml")


def test_the_published_schema_accepts_what_restyle_accepts_and_refuses_what_it_refuses() -> None:
    schema = Campaign.model_json_schema()
    campaign = parse_campaign(WHOLE.encode()).model_dump(mode="json")
    Draft202012Validator.check_schema(schema)
    assert not list(Draft202012Validator(schema).iter_errors(campaign))
    assert list(Draft202012Validator(schema).iter_errors({**campaign, "colour": "red"}))
    assert json.dumps(schema)


def test_two_campaigns_have_the_same_digest_only_if_they_ask_the_same() -> None:
    first, second = parse_campaign(WHOLE.encode()), parse_campaign(with_line("strength: 0.8", "strength: 0.7"))
    assert first.digest == parse_campaign(WHOLE.encode()).digest
    assert first.digest != second.digest


def test_the_schema_in_the_docs_is_the_one_the_command_prints() -> None:
    published = Path(__file__).parents[2] / "docs" / "campaign.schema.json"
    assert json.loads(published.read_text(encoding="utf-8")) == Campaign.model_json_schema()


def test_the_example_and_the_demonstration_are_campaigns() -> None:
    templates = Path(__file__).parents[2] / "flows" / "templates"
    for name in ("campaign.example.yaml", "campaign.demo.yaml"):
        assert parse_campaign((templates / name).read_bytes()).style.name == "risograph"
