"""The checks of ``restyle doctor``: each looks at one thing and says what it found and what to do next."""

from __future__ import annotations

import platform
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Literal

from flows.attestation import code_version
from flows.settings import Settings, usable_cores
from flows.signing import expiry_warning
from flows.wiring import Services, open_services
from governance import people
from stylecore.data import RestyleError

_PACKAGES = [
    "torch",
    "torchvision",
    "prefect",
    "mlflow",
    "sqlalchemy",
    "pillow",
    "piq",
    "c2pa-python",
    "cedarpy",
    "boto3",
]
_FREE_SPACE_WANTED_BYTES = 5_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """``note`` is worth knowing and holds nothing up; ``bad`` does."""

    subject: str
    state: Literal["ok", "note", "bad"]
    found: str
    next_step: str = ""


def diagnose(settings: Settings) -> Iterator[Finding]:
    """Every check, the quick ones first. A check that breaks is a finding and never ends the diagnosis."""
    yield _versions()
    yield from _attempt("workspace", lambda: _workspace(settings))
    yield from _attempt("devices", _devices)
    checks: tuple[tuple[str, Callable[[Services], Finding]], ...] = (
        ("ledger", _ledger),
        ("policy", _policy),
        ("people", _people),
        ("signing identity", _identity),
        ("weights", _weights),
        ("style registry", _registry),
        ("orchestration", _prefect),
    )
    for subject, check in checks:
        yield from _attempt(subject, partial(_with_services, check, settings))


def _with_services(check: Callable[[Services], Finding], settings: Settings) -> Finding:
    return check(open_services(settings))


def _attempt(subject: str, check: Callable[[], Finding]) -> Iterator[Finding]:
    try:
        yield check()
    except RestyleError as problem:
        yield Finding(subject, "bad", problem.got, problem.next_step or problem.expected)
    except Exception as problem:
        yield Finding(subject, "bad", f"{type(problem).__name__}: {problem}", "--debug shows where")


def _versions() -> Finding:
    told = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return Finding("versions", "ok", f"restyle {code_version()}, Python {platform.python_version()}, {told}")


def _workspace(settings: Settings) -> Finding:
    open_services(settings)
    free = shutil.disk_usage(settings.workspace).free
    told = f"{settings.workspace}, {free / 1e9:.0f} GB free"
    if free < _FREE_SPACE_WANTED_BYTES:
        return Finding("workspace", "note", told, "make room: renditions and staged originals are kept here")
    return Finding("workspace", "ok", told)


def _devices() -> Finding:
    import torch

    from stylecore.engine import Engine

    told = f"{Engine.choose('auto').describe()['device']}, {usable_cores()} cores"
    if torch.cuda.is_available():
        return Finding("devices", "ok", told)
    return Finding("devices", "note", f"{told}, no GPU", "for a GPU, install a torch that is built for it")


def _ledger(services: Services) -> Finding:
    from governance import ledger

    head = ledger.head(services.records)
    return Finding("ledger", "ok", f"{services.records.name}, {head.seq} events")


def _policy(services: Services) -> Finding:
    where = services.settings.policy_folder or "the policies restyle ships"
    return Finding("policy", "ok", f"{where}, digest {services.policy.digest.short}, valid")


def _people(services: Services) -> Finding:
    counts = Counter(role for person in people.everyone(services.records) for role in person.roles)
    digest = services.authority.rules_digest.short
    if not counts:
        step = "`restyle people add NAME --role administrator` closes the workspace to all others"
        return Finding("people", "note", f"nobody has a role, so everybody may do everything; rules {digest}", step)
    told = ", ".join(f"{number} {role.replace('_', ' ')}" for role, number in sorted(counts.items()))
    return Finding("people", "ok", f"{told}; rules {digest}, valid")


def _identity(services: Services) -> Finding:
    identity = services.identity
    told = f"{identity.subject}, {identity.algorithm}, valid until {identity.expires_on:%Y-%m-%d}"
    if identity.is_development:
        step = "for production set RESTYLE_SIGNING_CERTIFICATE and RESTYLE_SIGNING_KEY to your own PEM files"
        return Finding("signing identity", "note", f"development identity; {told}", step)
    if expiry_warning(identity, datetime.now(UTC)) is not None:
        return Finding("signing identity", "note", told, "renew the certificate: nothing is signed after it ends")
    return Finding("signing identity", "ok", told)


def _weights(services: Services) -> Finding:
    from flows.weights_in_use import listed_weights, lpips_in_use, lpips_in_words
    from stylecore.weights import WeightsFolder

    folder = WeightsFolder(services.settings.weights)
    weights = listed_weights(folder)
    if refused := [each for each in weights if each.state == "refused"]:
        return Finding(
            "weights", "bad", refused[0].problem, f"`restyle weights pull` or `adopt` {refused[0].name} anew"
        )
    there = [f"{each.name} ({each.state})" for each in weights if each.state != "absent"]
    backbone = lpips_in_use(folder)
    told = f"{', '.join(there)}; {lpips_in_words(backbone)}; folder {folder.path}"
    if backbone is not None:
        return Finding("weights", "ok", told)
    step = "for the LPIPS score: `restyle weights pull --from FOLDER_OR_URL`; a bound on lpips holds items until then"
    return Finding("weights", "note", told, step)


def _registry(services: Services) -> Finding:
    names = services.catalogue.names()
    if not names:
        return Finding("style registry", "note", "no style is registered", "`restyle styles register --bundled`")
    return Finding("style registry", "ok", f"{len(names)} styles: {', '.join(names)}")


def _prefect(services: Services) -> Finding:
    """Asked only where there is a server: the embedded one is started by a run and would take seconds here."""
    url = services.settings.prefect_api_url
    if url is None:
        return Finding("orchestration", "ok", "Prefect, embedded: started with each run")
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        problem = client.api_healthcheck()
    if problem is not None:
        return Finding("orchestration", "bad", f"{url}: {problem}", "start the Prefect server, or correct its address")
    return Finding("orchestration", "ok", f"Prefect at {url}")
