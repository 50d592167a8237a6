"""Taking in weights for which there is no digest that everybody knows, and pinning what was taken in.

VGG-19 is published as a PyTorch file whose name tells the first eight digits of its sha256; what we keep are its
convolutions alone, as safetensors. A diffusion pipeline is a folder that somebody chose. In both cases the person who
adopts vouches for it: the digest goes into a ``.sha256`` file beside it, and anything else is refused from then on.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save

from stylecore.data import Digest
from stylecore.diffusion.folder import digest_of_pipeline, pipeline_place
from stylecore.errors import WeightsError
from stylecore.features.vgg import vgg_features
from stylecore.torch_files import PICKLE_MAGIC, ZIP_MAGIC, read_torch_file
from stylecore.weights import PIN_SUFFIX, WeightsFolder, load_safetensors, read_bounded

VGG19_FILE = "vgg19-dcbb9e9d.pth"
"""What torchvision calls its file, and torch.hub leaves in ``checkpoints`` of its cache."""

_VGG19_PREFIX = "dcbb9e9d"
_MAX_PUBLISHED_BYTES = 700_000_000
_CONVOLUTIONS = "features."


@dataclass(frozen=True, slots=True)
class Adopted:
    """What was taken in. ``published``: it came out of a file that has the published digits of its sha256."""

    path: Path
    digest: Digest
    published: bool


def adopt_vgg19(source: Path, into: Path) -> Adopted:
    """Torchvision's own file, or a safetensors file of its convolutions, as ``vgg19_features`` of a weights folder."""
    content = read_bounded(source, _MAX_PUBLISHED_BYTES)
    published = content.startswith((ZIP_MAGIC, PICKLE_MAGIC))
    if published:
        _check_published(source.name, Digest.of(content))
        content = save(read_torch_file(content, _CONVOLUTIONS))
    vgg_features(load_safetensors(content, None))  # names, shapes and numbers, before anything is written
    final, digest = WeightsFolder(into).place("vgg19_features"), Digest.of(content)
    into.mkdir(parents=True, exist_ok=True)
    pin(final, digest)
    _write(final, content)
    return Adopted(final, digest, published)


def adopt_pipeline(name: str, weights: Path) -> Adopted:
    """Allow a diffusion pipeline, a folder of that name in the weights folder, to be used exactly as it is now."""
    folder = pipeline_place(name, weights)
    digest = digest_of_pipeline(folder)
    pin(folder, digest)
    return Adopted(folder, digest, published=False)


def _check_published(name: str, found: Digest) -> None:
    if not found.startswith(_VGG19_PREFIX):
        raise WeightsError(
            f"{name} with sha256 {found.short}…", f"{VGG19_FILE}, whose sha256 begins so", "Fetch it from torchvision."
        )


def pin(path: Path, digest: Digest) -> None:
    """Say that what lies at this path, a file or a folder, is what its owner wants."""
    _write(path.with_suffix(PIN_SUFFIX), f"{digest}\n".encode())


def _write(final: Path, content: bytes) -> None:
    """Under its final name only when it is whole."""
    with tempfile.NamedTemporaryFile(dir=final.parent, prefix=f".{final.name}.", delete=False) as partial:
        temporary = Path(partial.name)
        try:
            partial.write(content)
            partial.flush()
            os.fsync(partial.fileno())
            temporary.chmod(0o644)
            temporary.replace(final)
        finally:
            temporary.unlink(missing_ok=True)
