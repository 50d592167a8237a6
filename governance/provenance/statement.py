"""The statement: one canonical JSON document that says how a rendition came to be.

It has the shape of an in-toto Statement v1, so that supply-chain tools recognise it. Its digest is what the file's
content credentials, its XMP and the ledger name; the bytes are therefore canonical, and a statement that says the
same things is the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Self

from governance.provenance.errors import StatementError
from governance.provenance.reading import Reader
from stylecore.data import SCORE_NAMES, Digest, Reason, Recipe, Scores, canonical_json

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://restyle.dev/provenance/v1"
MAX_STATEMENT_BYTES = 64 * 1024

_DATE_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class SourceClaim:
    """The asset as it was read."""

    uri: str
    version: str
    sha256: Digest
    asset_class: str
    licence: str | None


@dataclass(frozen=True, slots=True)
class StyleClaim:
    """The style version that ran."""

    name: str
    version: int
    package_sha256: Digest
    licence: str


@dataclass(frozen=True, slots=True)
class PipelineClaim:
    """The code that ran and what it ran on: python, torch, device, precision."""

    version: str
    code_version: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PermitClaim:
    """The policies that allowed it, the digest of the policy set they came from, and the day they were asked."""

    policy_ids: tuple[str, ...]
    policy_sha256: Digest
    on: date


@dataclass(frozen=True, slots=True)
class DecisionClaim:
    """What routing decided and why; ``approvals`` names what must still be, or was, approved."""

    verdict: str
    reasons: tuple[Reason, ...] = ()
    approvals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewClaim:
    """What a person decided afterwards."""

    reviewer: str
    verdict: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class Statement:
    """One statement, in values. ``content`` is its one spelling and ``digest`` its name."""

    subject_name: str
    subject_sha256: Digest
    source: SourceClaim
    style: StyleClaim
    recipe: Recipe
    pipeline: PipelineClaim
    permit: PermitClaim
    scores: Scores
    decision: DecisionClaim
    campaign: str
    run: str
    made_at: datetime
    review: ReviewClaim | None = None
    previous: Digest | None = field(default=None)

    @cached_property
    def content(self) -> bytes:
        """The canonical bytes: what is stored, written as a sidecar and embedded."""
        return canonical_json(self.as_dict())

    @cached_property
    def digest(self) -> Digest:
        return Digest.of(self.content)

    def as_dict(self) -> dict[str, Any]:
        return {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": self.subject_name, "digest": {"sha256": self.subject_sha256}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": self._predicate(),
        }

    def _predicate(self) -> dict[str, Any]:
        return {
            "source": _source_as_dict(self.source),
            "style": _style_as_dict(self.style),
            "recipe": self.recipe.as_dict(),
            "pipeline": _pipeline_as_dict(self.pipeline),
            "permit": _permit_as_dict(self.permit),
            "scores": self.scores.as_dict(),
            "decision": _decision_as_dict(self.decision),
            "review": None if self.review is None else _review_as_dict(self.review),
            "campaign": self.campaign,
            "run": self.run,
            "made_at": _moment_as_text(self.made_at),
            "previous": self.previous,
        }

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """The statement these bytes are, or a ``StatementError``: what is not spelled as we spell it is not ours."""
        if len(content) > MAX_STATEMENT_BYTES:
            raise StatementError(f"a statement of {len(content)} bytes", f"at most {MAX_STATEMENT_BYTES}")
        statement = cls._read(Reader.of_json(content))
        # A field that was skipped, added or written differently shows here, whatever the reading above let through.
        if statement.content != content:
            raise StatementError("a statement that is not in canonical form", "the exact bytes that were written")
        return statement

    @classmethod
    def _read(cls, document: Reader) -> Self:
        _expect(document, "_type", STATEMENT_TYPE)
        _expect(document, "predicateType", PREDICATE_TYPE)
        subject = document.only_item("subject")
        predicate = document.inner("predicate")
        return cls(
            subject_name=subject.text("name"),
            subject_sha256=subject.inner("digest").digest("sha256"),
            source=_read_source(predicate.inner("source")),
            style=_read_style(predicate.inner("style")),
            recipe=_read_recipe(predicate.inner("recipe")),
            pipeline=_read_pipeline(predicate.inner("pipeline")),
            permit=_read_permit(predicate.inner("permit")),
            scores=_read_scores(predicate.inner("scores")),
            decision=_read_decision(predicate.inner("decision")),
            review=None if predicate.is_null("review") else _read_review(predicate.inner("review")),
            campaign=predicate.text("campaign"),
            run=predicate.text("run"),
            made_at=predicate.moment("made_at"),
            previous=None if predicate.is_null("previous") else predicate.digest("previous"),
        )


def attest(
    *,
    subject_name: str,
    subject_sha256: Digest,
    source: SourceClaim,
    style: StyleClaim,
    recipe: Recipe,
    pipeline: PipelineClaim,
    permit: PermitClaim,
    scores: Scores,
    decision: DecisionClaim,
    campaign: str,
    run: str,
    made_at: datetime,
) -> Statement:
    """The statement of these claims, checked by reading it back as a stranger would.

    ``made_at`` must be a moment that is recorded with the work (such as when it was planned), not the time of this
    call: doing the same work again after a crash must give the same statement.
    """
    return _checked(
        Statement(
            subject_name=subject_name,
            subject_sha256=subject_sha256,
            source=source,
            style=style,
            recipe=recipe,
            pipeline=pipeline,
            permit=permit,
            scores=scores,
            decision=decision,
            campaign=campaign,
            run=run,
            made_at=made_at,
        )
    )


def with_review(statement: Statement, review: ReviewClaim) -> Statement:
    """A new statement that adds what a person decided and names the one it follows."""
    return _checked(replace(statement, review=review, previous=statement.digest))


def _checked(statement: Statement) -> Statement:
    try:
        content = statement.content
    except (TypeError, ValueError, AttributeError) as error:
        raise StatementError(f"claims that cannot be written down ({error})", "plain finite values") from error
    Statement.parse(content)
    return statement


def _expect(document: Reader, key: str, expected: str) -> None:
    if (got := document.text(key)) != expected:
        raise StatementError(f"{key} is {got!r}", repr(expected), "A newer restyle may understand it.")


def _moment_as_text(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone")
    return moment.astimezone(UTC).strftime(_DATE_TIME)


def _source_as_dict(source: SourceClaim) -> dict[str, Any]:
    return {
        "uri": source.uri,
        "version": source.version,
        "sha256": source.sha256,
        "class": source.asset_class,
        "licence": source.licence,
    }


def _read_source(reader: Reader) -> SourceClaim:
    return SourceClaim(
        uri=reader.text("uri"),
        version=reader.text("version"),
        sha256=reader.digest("sha256"),
        asset_class=reader.text("class"),
        licence=None if reader.is_null("licence") else reader.text("licence"),
    )


def _style_as_dict(style: StyleClaim) -> dict[str, Any]:
    return {
        "name": style.name,
        "version": style.version,
        "package_sha256": style.package_sha256,
        "licence": style.licence,
    }


def _read_style(reader: Reader) -> StyleClaim:
    return StyleClaim(
        name=reader.text("name"),
        version=reader.whole("version"),
        package_sha256=reader.digest("package_sha256"),
        licence=reader.text("licence"),
    )


def _read_recipe(reader: Reader) -> Recipe:
    try:
        return Recipe.read(reader.values)
    except ValueError as problem:
        raise StatementError(f"{reader.path}{problem}", "a recipe as this restyle knows it") from problem


def _pipeline_as_dict(pipeline: PipelineClaim) -> dict[str, Any]:
    return {
        "version": pipeline.version,
        "code_version": pipeline.code_version,
        "environment": dict(pipeline.environment),
    }


def _read_pipeline(reader: Reader) -> PipelineClaim:
    return PipelineClaim(
        version=reader.text("version"),
        code_version=reader.text("code_version"),
        environment=reader.texts_by_name("environment"),
    )


def _permit_as_dict(permit: PermitClaim) -> dict[str, Any]:
    return {
        "policy_ids": list(permit.policy_ids),
        "policy_sha256": permit.policy_sha256,
        "on": permit.on.isoformat(),
    }


def _read_permit(reader: Reader) -> PermitClaim:
    return PermitClaim(
        policy_ids=reader.texts("policy_ids"), policy_sha256=reader.digest("policy_sha256"), on=reader.day("on")
    )


def _read_scores(reader: Reader) -> Scores:
    told = [name for name in SCORE_NAMES if name in reader.values]  # one that should be there is missed by its bytes
    values = {name: None if reader.is_null(name) else reader.number(name) for name in told}
    return Scores(**values, absent=reader.texts_by_name("absent"))


def _decision_as_dict(decision: DecisionClaim) -> dict[str, Any]:
    return {
        "verdict": decision.verdict,
        "reasons": [{"code": reason.code, "text": reason.text} for reason in decision.reasons],
        "approvals": list(decision.approvals),
    }


def _read_decision(reader: Reader) -> DecisionClaim:
    reasons = tuple(Reason(code=item.text("code"), text=item.text("text")) for item in reader.items("reasons"))
    return DecisionClaim(verdict=reader.text("verdict"), reasons=reasons, approvals=reader.texts("approvals"))


def _review_as_dict(review: ReviewClaim) -> dict[str, Any]:
    return {
        "reviewer": review.reviewer,
        "verdict": review.verdict,
        "reason": review.reason,
        "at": _moment_as_text(review.at),
    }


def _read_review(reader: Reader) -> ReviewClaim:
    return ReviewClaim(
        reviewer=reader.text("reviewer"),
        verdict=reader.text("verdict"),
        reason=reader.text("reason"),
        at=reader.moment("at"),
    )
