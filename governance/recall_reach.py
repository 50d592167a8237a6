"""How far a recall reaches: from a style, a licence, an artist or an asset to all that was made with it.

A picture is reached by what it was made from, by the style it was made in and by every further style that its recipe
uses; a style by what it was itself made from.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from sqlalchemy import Connection, or_, select

from governance.errors import UsageError
from governance.names import folded
from governance.plain_text import require_plain, require_storable
from governance.policy_question import StyleTerms
from governance.tables.rights import (
    LicenceRow,
    StyleApprovalRow,
    StyleSourceRow,
)
from stylecore.data import AssetFacts, Digest, Recipe, StyleRef

_DIGEST_CHARS = 64
_MAX_VERSION_DIGITS = 9


class Scope(StrEnum):
    STYLE = "style"
    """A style by its name, or one version as NAME/VERSION."""
    LICENCE = "licence"
    """A licence or a consent, by its id."""
    ARTIST = "artist"
    """Whoever holds the rights in a style, in what it was made from, or in a picture."""
    ASSET = "asset"
    """A picture by its key, or by its sha256, also where a style was made from it."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a picture was made, or is to be made, of."""

    style: StyleRef
    further_styles: Collection[str]
    licences: Collection[str]
    """The style's, the picture's, and the consent of who is in it."""
    asset_digest: Digest
    key: str

    @classmethod
    def of(cls, key: str, digest: Digest, recipe: Recipe, facts: AssetFacts, terms: Sequence[StyleTerms]) -> Self:
        """What would be made: this asset in the style of the first terms, with all others that the recipe uses."""
        licences = {*(each.licence for each in terms), facts.licence or "", facts.consent or ""}
        return cls(terms[0].style, recipe.further_styles, licences, digest, key)


@dataclass(frozen=True, slots=True)
class Reach:
    """All that a recall touches. A style without a version is reached in every one."""

    styles: frozenset[tuple[str, int | None]] = frozenset()
    in_packages: frozenset[tuple[str, Digest]] = field(default_factory=frozenset)
    """The same styles by name and package, which is how a recipe names further ones."""
    licences: frozenset[str] = frozenset()
    digests: frozenset[Digest] = frozenset()
    keys: frozenset[str] = frozenset()

    def covers(self, made: Made) -> bool:
        style = made.style
        return (
            not self.styles.isdisjoint({(style.name, None), (style.name, style.version)})
            or any((name, style.package_digest) in self.in_packages for name in made.further_styles)
            or not self.licences.isdisjoint(made.licences)
            or made.asset_digest in self.digests
            or made.key in self.keys
        )


def checked(scope: Scope, of: str) -> str:
    """What a recall is of, as it is kept: bounded, plain, and in the one spelling of its kind."""
    if scope is Scope.ASSET:
        return _asset(of)
    of = require_plain(of, f"the {scope} of the recall")
    if scope is Scope.STYLE:
        name, version = _style(of)
        return name if version is None else f"{name}/{version}"
    return of


def reach_of(connection: Connection, scope: Scope, of: str) -> Reach:
    """How far it reaches as things are recorded now."""
    if scope is Scope.STYLE:
        return _with_packages(connection, Reach(styles=frozenset({_style(of)})))
    if scope is Scope.LICENCE:
        return _of_licences(connection, {of})
    if scope is Scope.ARTIST:
        return _of_artist(connection, of)
    return _of_asset(connection, of)


def _asset(of: str) -> str:
    of = require_storable(of.strip(), "the asset of the recall", max_chars=1024)
    if not of:
        raise UsageError("a recall of no asset", "the key of a picture, or its sha256")
    return of.lower() if _is_digest(of.lower()) else of


def _is_digest(text: str) -> bool:
    return len(text) == _DIGEST_CHARS and all(digit in "0123456789abcdef" for digit in text)


def _style(of: str) -> tuple[str, int | None]:
    name, slash, version = of.partition("/")
    is_number = version.isascii() and version.isdigit() and len(version) <= _MAX_VERSION_DIGITS
    if not name or (slash and not is_number):
        raise UsageError(f"the style {of[:80]!r}", "NAME, or NAME/VERSION such as dots/3")
    return name, int(version) if slash else None


def _of_licences(connection: Connection, ids: Collection[str]) -> Reach:
    made_from = select(StyleSourceRow.style_name, StyleSourceRow.style_version).where(
        or_(StyleSourceRow.licence.in_(ids), StyleSourceRow.consent.in_(ids))
    )
    approved = select(StyleApprovalRow.name, StyleApprovalRow.version).where(StyleApprovalRow.licence_id.in_(ids))
    styles = {*connection.execute(made_from).tuples(), *connection.execute(approved).tuples()}
    return _with_packages(connection, Reach(styles=frozenset(styles), licences=frozenset(ids)))


def _of_artist(connection: Connection, holder: str) -> Reach:
    """Holders are compared as people's names are: another spelling is nobody else."""
    wanted = folded(holder)

    def is_same(told: str) -> bool:
        return folded(told) == wanted

    sources = select(StyleSourceRow.holder, StyleSourceRow.style_name, StyleSourceRow.style_version).distinct()
    approvals = select(StyleApprovalRow.licence_holder, StyleApprovalRow.name, StyleApprovalRow.version)
    licences = select(LicenceRow.holder, LicenceRow.licence_id)
    styles = {
        (name, version)
        for rows in (sources, approvals)
        for told, name, version in connection.execute(rows).tuples()
        if is_same(told)
    }
    ids = {licence for told, licence in connection.execute(licences).tuples() if is_same(told)}
    by_licence = _of_licences(connection, ids)
    return _with_packages(connection, Reach(styles=by_licence.styles | styles, licences=by_licence.licences))


def _of_asset(connection: Connection, of: str) -> Reach:
    if not _is_digest(of):
        return Reach(keys=frozenset({of}))
    digest = Digest(of)
    made_from = select(StyleSourceRow.style_name, StyleSourceRow.style_version).where(StyleSourceRow.digest == digest)
    styles = frozenset(connection.execute(made_from).tuples())
    return _with_packages(connection, Reach(styles=styles, digests=frozenset({digest})))


def _with_packages(connection: Connection, reach: Reach) -> Reach:
    names = {name for name, _ in reach.styles}
    approved = select(StyleApprovalRow.name, StyleApprovalRow.version, StyleApprovalRow.package_digest)
    sources = select(StyleSourceRow.style_name, StyleSourceRow.style_version, StyleSourceRow.package_digest).distinct()
    known = {
        *connection.execute(approved.where(StyleApprovalRow.name.in_(names))).tuples(),
        *connection.execute(sources.where(StyleSourceRow.style_name.in_(names))).tuples(),
    }
    packages = frozenset(
        (name, package) for name, version, package in known if reach.styles & {(name, None), (name, version)}
    )
    return Reach(reach.styles, packages, reach.licences, reach.digests, reach.keys)
