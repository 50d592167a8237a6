"""Styles for other people's tools: what ``mlflow.pyfunc.load_model`` and ``mlflow models serve`` call.

A registered package lies beside an ``MLmodel`` file that names this module. So there is no pickle and no stored code:
the package is read and checked as anywhere, and rendered by the architectures that come with restyle. The product
itself never loads styles this way, and nothing that leaves this way has been through policy, review or signing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import PackageError
from registry.folder import read_plain_file
from registry.package import StylePackage, load_style

if TYPE_CHECKING:
    from mlflow.models import Model

    from stylecore.styles.base import StyleModel

COLUMN = "image"
"""Of what is sent and of what comes back: an encoded picture."""
STRENGTH = "strength"
MODEL_FILE = "MLmodel"
_VERSION_FILE = "registered_model_meta"
"""MLflow writes beside what it downloads which registered model it was."""
_MOST_ROWS = 64
_MOST_BYTES, _MOST_PIXELS = 50_000_000, 50_000_000
_PNG_QUALITY = 100


def mlmodel(package: StylePackage) -> Model:
    """What MLflow is told of a package: how to call it, and that this module loads it."""
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    encoded = Schema([ColSpec(DataType.binary, COLUMN)])
    parameters = ParamSchema([ParamSpec(STRENGTH, DataType.double, 1.0)])
    told = Model(
        signature=ModelSignature(inputs=encoded, outputs=encoded, params=parameters),
        metadata={"restyle.package": package.name, "restyle.package_digest": str(package.digest)},
    )
    version = ".".join(map(str, sys.version_info[:3]))
    return told.add_flavor("python_function", loader_module=__name__, python_version=version)


class ServedStyle:
    """One style, as MLflow calls it."""

    def __init__(self, model: StyleModel) -> None:
        self._model = model

    @property
    def style(self) -> str:
        return self._model.name

    def predict(self, sent: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Each picture of the column ``image`` restyled, in a frame of PNG files. ``strength`` goes from 0 to 1."""
        import pandas as pd  # type: ignore[import-untyped]

        pictures = _pictures(sent)
        strength = float((params or {}).get(STRENGTH, 1.0))
        return pd.DataFrame({COLUMN: [self._restyled(each, strength) for each in pictures]})

    def _restyled(self, content: bytes, strength: float) -> bytes:
        from stylecore.data import Recipe
        from stylecore.image import Limits, decode, encode
        from stylecore.stylize import stylize

        picture = decode(content, Limits(_MOST_BYTES, _MOST_PIXELS))
        (after,) = stylize(self._model, [picture], Recipe(strength=strength))
        return encode(after, "png", _PNG_QUALITY, like="png").content


def _pictures(sent: Any) -> list[bytes]:
    if COLUMN not in sent or not 1 <= len(sent) <= _MOST_ROWS:
        raise PackageError(f"{len(sent)} rows", f"1 to {_MOST_ROWS} rows with a column {COLUMN}", "Send encoded files.")
    return [_bytes_of(each) for each in sent[COLUMN]]


def _bytes_of(value: object) -> bytes:
    """What came over HTTP as base64, MLflow has decoded by the signature."""
    if not isinstance(value, bytes):
        raise PackageError(f"a picture of type {type(value).__name__}", "the bytes of an image file", "Send those.")
    return value


def _load_pyfunc(path: str) -> ServedStyle:
    """The style of the registered model that this folder was downloaded for. MLflow calls it by this name."""
    folder = Path(path)
    package = StylePackage.read(folder, beside=(MODEL_FILE, _VERSION_FILE))
    return ServedStyle(load_style(package, _wanted_style(folder, package)))


def _wanted_style(folder: Path, package: StylePackage) -> str:
    """The registered model has the style's name; without one, a package of one style says it all."""
    import yaml

    if (folder / _VERSION_FILE).exists():
        told = yaml.safe_load(read_plain_file(folder, _VERSION_FILE))
        return package.style(str(told["model_name"])).name
    if len(package.styles) > 1:
        raise PackageError(
            f"the package {package.name} has {len(package.styles)} styles", "one of them", "Load models:/NAME@approved."
        )
    return package.styles[0].name
