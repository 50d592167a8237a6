"""The only builder of concrete services: from settings to the things the flows work with, each on first use."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from flows.asking import Asking
from flows.campaign import Campaign
from flows.errors import NotPermitted, WorkspaceError
from flows.gates import Gates, read_gates
from flows.labels import moved_label
from flows.planner import Planner
from flows.publishing import Publisher
from flows.settings import Settings
from flows.signing import anchors_of, identity_of
from flows.staging import Staging
from flows.stores import open_store
from flows.stores.base import Store
from flows.stores.local import FolderStore
from flows.stores.spec import StoreSpec
from governance import approvals, style_records
from governance.access_rules import read_access_rules
from governance.approvals import Approval
from governance.authority import Act, Authority, Deed, Denied
from governance.db import Database
from governance.policy import Policy, StyleTerms
from governance.policy_rules import SHIPPED_POLICIES, PolicyFiles, read_files
from governance.provenance.identity import SigningIdentity
from governance.signed_notes import NoteSigner
from registry.catalogue import Catalogue
from registry.errors import IntegrityError
from registry.package import StylePackage, load_styles
from stylecore.data import Digest, Recipe, StyleRef

if TYPE_CHECKING:
    from flows.shard import Tools


_LEAST_FREE_BYTES = 100_000_000


class Services:
    """The services of one workspace. Opening one twice gives the same one, so threads and shards share them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._policy: tuple[PolicyFiles, Policy] | None = None

    @cached_property
    def records(self) -> Database:
        return Database.open(self.settings.database_url)

    @property
    def policy(self) -> Policy:
        """The policy that is in force at this moment. Whoever needs one and the same for longer keeps what they got."""
        folder = self.settings.policy_folder
        files = read_files(folder or SHIPPED_POLICIES)
        if self._policy is None or self._policy[0] != files:
            self._policy = files, Policy.shipped() if folder is None else Policy.from_folder(folder)
        return self._policy[1]

    @cached_property
    def authority(self) -> Authority:
        return Authority(self.records, read_access_rules(self.settings.access_rules))

    def require(
        self,
        actor: str,
        act: Act,
        subject: str,
        *,
        registered_by: str | None = None,
        asked_by: str | None = None,
    ) -> None:
        """The one place where an action is allowed or refused; a refusal is recorded before it is told."""
        deed = Deed(act, subject, registered_by, asked_by)
        answer = self.authority.ask(actor, deed)
        if isinstance(answer, Denied):
            self.authority.record_refused(actor, deed, answer)
            told = "; ".join(reason.text for reason in answer.reasons)
            raise NotPermitted(
                f"{actor} may not {act.replace('_', ' ')} {subject}: {told}",
                "somebody whose role allows it",
                "`restyle people list` shows who has which role",
            )

    @cached_property
    def catalogue(self) -> Catalogue:
        own = self.settings.workspace / "mlflow"
        own.mkdir(parents=True, exist_ok=True)
        cache = self.settings.workspace / "cache" / "packages"
        return Catalogue(self.settings.tracking_uri, self.settings.artifact_root, cache)

    @cached_property
    def staging(self) -> Staging:
        folder = self.settings.workspace / "staging"
        folder.mkdir(parents=True, exist_ok=True)
        return Staging(FolderStore(folder, "staging"))

    @cached_property
    def identity(self) -> SigningIdentity:
        return identity_of(self.settings)

    @property
    def note_signer(self) -> NoteSigner:
        """Whoever holds this key can vouch for the ledger and give approvals."""
        return NoteSigner.load_or_create("restyle", self.settings.note_key_file)

    @property
    def gates(self) -> Gates:
        """What styles have to be before anybody can approve them, at this moment."""
        return read_gates(self.settings.gates)

    @property
    def anchors(self) -> tuple[str, ...]:
        """The root certificates (PEM) under which files are trusted here."""
        return anchors_of(self.settings, lambda: self.identity)

    @cached_property
    def checkpoint_shelf(self) -> Store:
        return self.shelf(self.settings.checkpoints)

    def store(self, spec: StoreSpec) -> Store:
        return open_store(spec)

    def shelf(self, spec: StoreSpec) -> Store:
        """A store to write to: a folder of ours may be made, a bucket is somebody's decision."""
        if spec.kind == "folder":
            spec.path.mkdir(parents=True, exist_ok=True)
        return open_store(spec)

    def terms_of(self, style: StyleRef) -> StyleTerms:
        """On what terms the style may be used at this moment; a revocation therefore counts at the next item."""
        found = approvals.find(self.records, style.name, style.version)
        if found is None:
            return _no_terms(style)
        terms = found.for_policy()
        covers = found.style.package_digest == style.package_digest  # an approval covers the bytes it pins, no others
        return replace(terms, style=style, approved=terms.approved and covers)

    def terms_for(self, style: StyleRef, recipe: Recipe) -> tuple[StyleTerms, ...]:
        """The terms of the style, and of every further style of its package that the recipe uses."""
        return (self.terms_of(style), *(self._terms_in(style.package_digest, name) for name in recipe.further_styles))

    def _terms_in(self, package: Digest, name: str) -> StyleTerms:
        """By name and package, since a recipe names styles that way; under whatever version number."""
        found = [
            each for each in approvals.all_current(self.records, name=name) if each.style.package_digest == package
        ]
        return found[-1].for_policy() if found else _no_terms(StyleRef(name, 0, package))

    def approved_style(self, name: str, version: int | None) -> ApprovedStyle:
        """The style version that is approved now, with its package checked against the digest that was approved."""
        approval = approvals.current(self.records, name, version)
        if approval is None:
            what = name if version is None else f"{name} v{version}"
            raise NotPermitted(
                f"the style {what} is not approved",
                f"one of {', '.join(str(each.style) for each in approvals.all_current(self.records)) or 'none yet'}",
                f"`restyle styles list` shows what is registered; `restyle styles approve {name}` approves it",
            )
        self.require_signed(approval)
        self.require_unchanged(approval)
        moved_label(self.catalogue, self.records, name, self.settings.actor)  # told, and no reason to stop
        return ApprovedStyle(approval, self._package_of(approval.style))

    def require_signed(self, approval: Approval) -> None:
        """Whoever can only write to the database cannot allow a style."""
        approvals.require_signed(self.records, approval, self.note_signer.verifier)

    def require_unchanged(self, approval: Approval) -> None:
        """What the registry holds today is what was approved; else it is told, and refused."""
        style = approval.style
        try:
            self.catalogue.confirm(style)
        except IntegrityError as problem:
            style_records.record_mismatch(self.records, style, str(problem), self.settings.actor)
            raise

    def _package_of(self, style: StyleRef) -> StylePackage:
        try:
            return self.catalogue.fetch(style)
        except IntegrityError as problem:
            style_records.record_mismatch(self.records, style, str(problem), self.settings.actor)
            raise


def _no_terms(style: StyleRef) -> StyleTerms:
    nothing: frozenset[str] = frozenset()
    return StyleTerms(style, False, "none", None, nothing, nothing, nothing)


@dataclass(frozen=True, slots=True)
class ApprovedStyle:
    """A style somebody allowed, and the bytes that the approval pins."""

    approval: Approval
    package: StylePackage

    @property
    def ref(self) -> StyleRef:
        return self.approval.style


def open_services(settings: Settings) -> Services:
    """The services of a workspace that exists and can be written."""
    try:
        settings.workspace.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(settings, error.strerror or str(error)) from error
    if not os.access(settings.workspace, os.W_OK | os.X_OK):
        raise _unusable(settings, "it is not writable")
    return _services(settings)


def require_room(settings: Settings) -> None:
    """A run that cannot end well is better not begun: databases and renditions both need somewhere to go."""
    free = shutil.disk_usage(settings.workspace).free
    if free < _LEAST_FREE_BYTES:
        raise WorkspaceError(
            f"only {free / 1e6:.0f} MB are free where the workspace {settings.workspace} is",
            f"at least {_LEAST_FREE_BYTES / 1e6:.0f} MB",
            "Make room, or choose another disk with --home or RESTYLE_HOME",
        )


@lru_cache(maxsize=8)
def _services(settings: Settings) -> Services:
    return Services(settings)


def _unusable(settings: Settings, why: str) -> WorkspaceError:
    return WorkspaceError(
        f"the workspace {settings.workspace} cannot be used ({why})",
        "a folder that can be written",
        "Choose another with --home or RESTYLE_HOME",
    )


def require_controls(services: Services, campaign: Campaign, style: ApprovedStyle) -> None:
    """Every style that the recipe names is in the package and approved, and the family honours what is asked of it."""
    recipe = campaign.full_recipe
    for name in recipe.further_styles:
        style.package.style(name)
    for terms in services.terms_for(style.ref, recipe)[1:]:
        if not terms.approved:
            raise NotPermitted(
                f"the style {terms.style.name} of the package {style.package.name} is not approved",
                "approvals of this very package for all styles that a campaign blends or gives to regions",
                f"`restyle styles approve {terms.style.name}` approves it",
            )
    if (recipe.blend, recipe.stroke, recipe.seed) != ((), 1.0, 0):  # else torch need not be imported to plan
        from stylecore.controls import check_controls
        from stylecore.styles.build import family

        check_controls(recipe, family(style.package.family))


def planner(services: Services, campaign: Campaign, style: ApprovedStyle) -> Planner:
    """What plans this campaign."""
    require_controls(services, campaign, style)
    return Planner(
        records=services.records,
        source=services.store(campaign.source.store),
        policy=services.policy,
        terms=services.terms_for(style.ref, campaign.full_recipe),
        campaign=campaign,
        destination=campaign.publish.store.label,
        today=date.today,
    )


def asking(services: Services, campaign: Campaign, policy: Policy) -> Asking:
    """What asks this policy about the items of this campaign."""
    return Asking(
        records=services.records,
        source=services.store(campaign.source.store),
        policy=policy,
        terms_for=services.terms_for,
        today=date.today,
    )


def publisher(services: Services, campaign: Campaign, actor: str, run_id: str | None, policy: Policy) -> Publisher:
    """What publishes the renditions of this campaign, by this policy."""
    asks = asking(services, campaign, policy)
    return Publisher(
        records=services.records,
        staging=services.staging,
        source=asks.source,
        shelf=services.shelf(campaign.publish.store),
        asking=asks,
        identity=services.identity,
        actor=actor,
        run_id=run_id,
        retain_days=campaign.publish.retain_days,
    )


def tools(services: Services, campaign: Campaign, style: ApprovedStyle, run_id: str, actor: str) -> Tools:
    """What one run's shards work with. torch is imported from here on."""
    from flows.shard import Tools
    from stylecore.controls import Styling
    from stylecore.decoder_pool import DecoderPool
    from stylecore.engine import Engine
    from stylecore.image import decode
    from stylecore.score import Judge
    from stylecore.weights import WeightsFolder

    engine = Engine.choose(campaign.engine.device)
    if campaign.engine.batch_size is not None:
        engine = replace(engine, batch_size=campaign.engine.batch_size)
    recipe, weights = campaign.full_recipe, WeightsFolder(services.settings.weights)
    model, *others = load_styles(style.package, [style.ref.name, *recipe.further_styles], weights)
    further = dict(zip(recipe.further_styles, others, strict=True))
    return Tools(
        run_id=run_id,
        publisher=publisher(services, campaign, actor, run_id, services.policy),
        styling=Styling.of(model, recipe, further),
        engine=engine,
        judge=Judge(services.settings.weights),
        recipe=recipe,
        routing=campaign.rules,
        workers=services.settings.worker_count if engine.device == "cpu" else 1,
        decode=DecoderPool().decode if campaign.engine.isolate_decoders else decode,
    )
