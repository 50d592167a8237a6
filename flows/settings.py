"""The only reader of the environment. Every setting has the prefix RESTYLE_ and a default that needs no server."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from flows.errors import UsageError
from flows.stores.spec import FolderSpec, StoreSpec

RAY_ON_THIS_MACHINE = "local"
_TOLD_TO_WORKERS = ("RESTYLE_", "PREFECT_", "AWS_", "OMP_", "DO_NOT_TRACK")


class Settings(BaseSettings):
    """Where things are. The defaults put everything into one folder, the workspace."""

    model_config = SettingsConfigDict(env_prefix="RESTYLE_", frozen=True, extra="ignore")

    home: Path = Field(Path(".restyle"), description="the workspace: everything restyle keeps lives below it")
    ledger_url: SecretStr | None = Field(None, description="database of the ledger; default: SQLite in the workspace")
    mlflow_uri: str | None = Field(None, description="MLflow tracking server; default: SQLite in the workspace")
    mlflow_artifacts: str | None = Field(None, description="where a new MLflow experiment keeps its files")
    prefect_api_url: str | None = Field(None, description="Prefect server; default: embedded, in the workspace")
    ray_address: str | None = Field(None, description="Ray cluster to spread shards over, or local for this machine")
    policy_folder: Path | None = Field(None, description="Cedar policies; default: the ones restyle ships")
    access_rules: Path | None = Field(None, description="Cedar rules of roles; default: the ones restyle ships")
    weights_folder: Path | None = Field(None, description="backbones for LPIPS; default: WORKSPACE/weights")
    signing_certificate: Path | None = Field(None, description="PEM chain; default: a development identity")
    signing_key: Path | None = Field(None, description="PEM private key that belongs to the certificate")
    signing_anchor: Path | None = Field(None, description="PEM root certificate that your chain ends in")
    signer: str | None = Field(None, description="installed signer that holds the key, instead of a key file")
    signer_options: SecretStr | None = Field(None, description="options of the signer, as a JSON object of texts")
    time_stamp_url: str | None = Field(None, description="RFC 3161 time stamp authority, http(s)")
    time_stamps: Literal["off", "wanted", "required"] = Field(
        "required", description="what if the authority does not answer: sign without a stamp, or wait for one"
    )
    trust_anchors: Path | None = Field(None, description="PEM roots that verification trusts besides your own")
    checkpoint_store: StoreSpec | None = Field(
        None, description="where signed checkpoints of the ledger are kept; default: WORKSPACE/checkpoints"
    )
    gates_file: Path | None = Field(
        None, description="what styles must reach before approval; default: WORKSPACE/gates.yaml, else the shipped"
    )
    golden_folder: Path | None = Field(
        None, description="pictures that styles are measured on; default: WORKSPACE/golden, else generated ones"
    )
    note_key: Path | None = Field(
        None, description="Ed25519 key in PEM that signs approvals and checkpoints; default: made in the workspace"
    )
    workers: int | None = Field(None, ge=1, le=256, description="pictures in work at once; default: one a core")
    actor: str = Field(default_factory=getpass.getuser, description="who is at the keys; default: the user")

    @property
    def workspace(self) -> Path:
        return self.home.expanduser().resolve()

    @property
    def database_url(self) -> str:
        return self.ledger_url.get_secret_value() if self.ledger_url else f"sqlite:///{self.workspace / 'ledger.db'}"

    @property
    def tracking_uri(self) -> str:
        return self.mlflow_uri or f"sqlite:///{self.workspace / 'mlflow' / 'mlflow.db'}"

    @property
    def artifact_root(self) -> str:
        return self.mlflow_artifacts or (self.workspace / "mlflow" / "artifacts").as_uri()

    @property
    def weights(self) -> Path:
        return self.weights_folder or self.workspace / "weights"

    @property
    def gates(self) -> Path | None:
        """None: those that come along."""
        return self.gates_file or _if_there(self.workspace / "gates.yaml")

    @property
    def golden(self) -> Path | None:
        """None: those that are generated."""
        return self.golden_folder or _if_there(self.workspace / "golden")

    @property
    def note_key_file(self) -> Path:
        return self.note_key or self.workspace / "identity" / "checkpoint-key.pem"

    @property
    def checkpoints(self) -> StoreSpec:
        return self.checkpoint_store or FolderSpec(path=self.workspace / "checkpoints", name="checkpoints")

    @property
    def shards_in_flight(self) -> int:
        """Enough that no worker waits, few enough that a million items are never in memory at once."""
        return 2 if self.ray_address is None else 128

    @property
    def worker_count(self) -> int:
        return self.workers or usable_cores()


def _if_there(path: Path) -> Path | None:
    return path if path.exists() else None


def usable_cores() -> int:
    """The cores this process may use, where the system can tell; else all there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def for_this_process(home: Path | None) -> Settings:
    """The settings of a command, put where the flows it starts will look for theirs."""
    if home is not None:
        os.environ["RESTYLE_HOME"] = str(home)
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = f"RESTYLE_{first['loc'][0]}".upper() if first["loc"] else "the settings"
        raise UsageError(f"{name} is {str(first.get('input'))[:80]!r}", str(first["msg"])) from None
    quiet_dependencies(settings)
    return settings


def quiet_dependencies(settings: Settings) -> None:
    """Prefect and MLflow read the environment when they are imported, so this runs before either is.

    Their telemetry is off, results are JSON and never pickles, and the embedded API may take its time to start:
    on a busy machine its default of twenty seconds is not enough.
    """
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    os.environ.setdefault("PREFECT_HOME", str(settings.workspace / "prefect"))
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    os.environ.setdefault("PREFECT_RESULTS_DEFAULT_SERIALIZER", "json")
    # Its log lines go to its own pages; on the console a person reads what restyle says.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    if settings.prefect_api_url:
        use_prefect_at(settings.prefect_api_url)


def use_prefect_at(url: str) -> None:
    """From now on this process, and what it starts, reports to this Prefect server."""
    os.environ["PREFECT_API_URL"] = url


def environment_of_server(url: str) -> dict[str, str]:
    """For a Prefect server that we run: without its own address its pages look for the API at the default port."""
    return {**os.environ, "PREFECT_SERVER_UI_API_URL": url}


def environment_of_workers(settings: Settings) -> dict[str, str]:
    """What the workers of a cluster have to know to build the same services."""
    told = {name: value for name, value in os.environ.items() if name.startswith(_TOLD_TO_WORKERS)}
    return {**told, "RESTYLE_HOME": str(settings.workspace)}
