"""The statement: one spelling, strictly read."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.provenance.errors import StatementError
from governance.provenance.statement import PREDICATE_TYPE, STATEMENT_TYPE, Statement, with_review
from stylecore.data import Digest, Scores, canonical_json
from tests.governance.provenance_world import REVIEW, statement_of

STATEMENT = statement_of(b"rendition")


def changed(**fields: object) -> bytes:
    document = json.loads(STATEMENT.content)
    document["predicate"].update(fields)
    return canonical_json(document)


def test_a_statement_is_an_in_toto_statement_about_the_rendition() -> None:
    document = json.loads(STATEMENT.content)
    assert document["_type"] == STATEMENT_TYPE
    assert document["predicateType"] == PREDICATE_TYPE
    assert document["subject"] == [{"name": "harbour.jpg", "digest": {"sha256": Digest.of(b"rendition")}}]


def test_the_digest_is_the_sha256_of_the_canonical_bytes() -> None:
    assert STATEMENT.digest == Digest.of(STATEMENT.content)
    assert canonical_json(json.loads(STATEMENT.content)) == STATEMENT.content


def test_the_same_claims_give_the_same_bytes() -> None:
    assert statement_of(b"rendition").content == STATEMENT.content


def test_parsing_gives_back_the_same_statement() -> None:
    assert Statement.parse(STATEMENT.content) == STATEMENT


def test_a_review_makes_a_new_statement_that_names_the_one_before() -> None:
    reviewed = with_review(STATEMENT, REVIEW)
    assert reviewed.previous == STATEMENT.digest
    assert reviewed.digest != STATEMENT.digest
    assert Statement.parse(reviewed.content).review == REVIEW


def test_a_time_in_another_zone_is_written_in_utc() -> None:
    local = datetime.fromisoformat("2025-01-02T05:04:05+02:00")
    assert statement_of(b"rendition", made_at=local).content == STATEMENT.content


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(StatementError, match="time zone"):
        statement_of(b"x", made_at=datetime(2025, 1, 2, tzinfo=UTC).replace(tzinfo=None))


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(StatementError, match="finite"):
        statement_of(b"x", scores=Scores(ssim_full=float("nan")))


def test_a_name_with_a_terminal_escape_is_refused() -> None:
    with pytest.raises(StatementError, match="control characters"):
        statement_of(b"x", subject_name="harbour\x1b[2J.jpg")


@pytest.mark.parametrize("name", ["港　夕方.jpg", "famille 👨‍👩‍👧 été.jpg", "نص.png", "a\u00a0b.tif"])
def test_a_file_name_in_any_script_is_welcome(name: str) -> None:
    assert Statement.parse(statement_of(b"x", subject_name=name).content).subject_name == name


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not readable JSON"),
        (b"\xff\xfe", "not readable JSON"),
        (b"[]", "not an object"),
        (b"[" * 50_000, "not readable JSON"),
        (b'{"_type":1,"_type":2}', "the same key twice"),
        (b'{"_type":NaN}', "not readable JSON"),
        (b"{" + b" " * 70_000 + b"}", "bytes"),
        (canonical_json({"_type": "https://in-toto.io/Statement/v2"}), "Statement/v2"),
        (STATEMENT.content.replace(b"provenance/v1", b"provenance/v2"), "provenance/v2"),
        (STATEMENT.content.replace(b'"digest"', b'"digets"', 1), "digest"),
        (STATEMENT.content + b"\n", "canonical"),
        (json.dumps(json.loads(STATEMENT.content)).encode(), "canonical"),
        (changed(extra="field"), "canonical"),
        (changed(campaign=7), "campaign"),
        (changed(run="x" * 5_000), "run"),
        (changed(made_at="yesterday"), "made_at"),
        (changed(previous="not-a-digest"), "previous"),
        (changed(permit={"policy_ids": "all", "policy_sha256": "0" * 64, "on": "2025-01-02"}), "policy_ids"),
    ],
)
def test_what_is_not_spelled_as_we_spell_it_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(StatementError, match=complaint):
        Statement.parse(content)


def test_a_refusal_names_the_field_and_what_was_expected() -> None:
    with pytest.raises(StatementError) as caught:
        Statement.parse(changed(style={"name": "risograph", "version": "3", "package_sha256": "0" * 64, "licence": ""}))
    assert "predicate.style.version" in str(caught.value)
    assert "whole number" in str(caught.value)


@given(name=st.text(st.characters(exclude_categories=["C", "Z"]), max_size=50), score=st.floats(-100, 100))
def test_whatever_was_attested_parses_back(name: str, score: float) -> None:
    statement = statement_of(b"x", subject_name=name, scores=Scores(psnr_db=score))
    assert Statement.parse(statement.content) == statement


def test_a_statement_from_before_a_score_came_keeps_its_bytes() -> None:
    before = statement_of(b"x", scores=Scores(psnr_db=18.0))
    measured, missed = (
        statement_of(b"x", scores=scores)
        for scores in (Scores(psnr_db=18.0, lpips_lite=0.2), Scores(psnr_db=18.0, absent={"lpips_lite": "too small"}))
    )

    assert "lpips_lite" not in json.loads(before.content)["predicate"]["scores"]
    assert [Statement.parse(each.content) for each in (before, measured, missed)] == [before, measured, missed]


@pytest.mark.parametrize("name", ["psnr_db", "lpips"])
def test_a_statement_without_a_score_that_always_was_told_is_refused(name: str) -> None:
    scores = STATEMENT.scores.as_dict()
    del scores[name]

    with pytest.raises(StatementError):
        Statement.parse(changed(scores=scores))


@given(position=st.integers(0, len(STATEMENT.content) - 1), flip=st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_changes_the_digest(position: int, flip: int) -> None:
    content = bytearray(STATEMENT.content)
    content[position] ^= flip
    with suppress(StatementError):
        assert Statement.parse(bytes(content)).digest != STATEMENT.digest


def test_statements_that_differ_in_one_claim_have_other_digests() -> None:
    other = replace(STATEMENT, style=replace(STATEMENT.style, version=4))
    assert other.digest != STATEMENT.digest
