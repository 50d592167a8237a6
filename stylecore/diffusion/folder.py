"""The folder of a diffusion pipeline: safetensors, JSON and text alone, pinned file by file.

The layout is that of diffusers, with the style adapter beside it:

    NAME/unet  vae  controlnet  text_encoder  tokenizer  scheduler  image_encoder  ip_adapter.safetensors

A pipeline's own ``model_index.json``, which names classes, may lie there; it is pinned and never asked.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

from stylecore.data import Digest, canonical_json
from stylecore.errors import WeightsError
from stylecore.weights import PIN_SUFFIX, read_pin

PARTS = ("unet", "vae", "controlnet", "text_encoder", "tokenizer", "scheduler", "image_encoder")
ADAPTER = "ip_adapter.safetensors"
MAX_BYTES = 20_000_000_000

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?")
_SUFFIXES = frozenset({".safetensors", ".json", ".txt", ".md"})
_MAX_FILES = 200
_CHUNK_BYTES = 1 << 20
_NEXT = "Fetch the pipeline's safetensors files; other formats can run code when read."


def pipeline_place(name: str, weights: Path) -> Path:
    """Where the pipeline of that name lies. The name comes from a package, so it must be a plain one."""
    if not _NAME.fullmatch(name):
        raise WeightsError(f"a pipeline named {name[:80]!a}", "small letters, digits and hyphens")
    return weights / name


def pipeline_files(folder: Path) -> list[Path]:
    """Every file, in order. A link, a hidden file, a pickle or anything else that has no business here is refused."""
    if folder.is_symlink() or not folder.is_dir():
        raise WeightsError(f"no folder {folder}", "a diffusion pipeline", "Place it there, then adopt it.")
    found = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    if len(found) > _MAX_FILES:
        raise WeightsError(f"{len(found)} files in {folder}", f"at most {_MAX_FILES}", _NEXT)
    for path in found:
        told = ascii(path.relative_to(folder).as_posix())
        if path.is_symlink() or not path.is_file() or any(part[0] == "." for part in path.relative_to(folder).parts):
            raise WeightsError(f"{told} in {folder}, a link or hidden", "plain files", _NEXT)
        if path.suffix not in _SUFFIXES:
            raise WeightsError(f"{told} in {folder}", f"only {', '.join(sorted(_SUFFIXES))}", _NEXT)
    missing = [part for part in (*PARTS, ADAPTER) if not (folder / part).exists()]
    if missing:
        raise WeightsError(f"no {', '.join(missing)} in {folder}", "a whole pipeline", _NEXT)
    return found


def digest_of_pipeline(folder: Path) -> Digest:
    """One digest over the names and contents of all its files."""
    files = pipeline_files(folder)
    if sum(path.stat().st_size for path in files) > MAX_BYTES:
        raise WeightsError(f"over {MAX_BYTES} bytes in {folder}", f"at most {MAX_BYTES}")
    return Digest.of(canonical_json({path.relative_to(folder).as_posix(): _digest(path) for path in files}))


def checked_pipeline(name: str, weights: Path, pinned: str) -> Path:
    """The folder, if somebody here adopted it, if it is what the package was made with, and if it is still that."""
    folder = pipeline_place(name, weights)
    if not folder.is_dir():
        raise WeightsError(f"no {name} in {weights}", "a diffusion pipeline", "Place it there, then adopt it.")
    adopted = read_pin(folder.with_suffix(PIN_SUFFIX))
    if adopted != pinned:
        raise WeightsError(f"the pipeline {name} with sha256 {adopted.short}…", f"{pinned[:12]}…, as the style has it")
    found = digest_of_pipeline(folder)
    if found != adopted:
        raise WeightsError(
            f"the pipeline {name} with sha256 {found.short}…",
            f"{adopted.short}…, as it was adopted",
            "A file was changed, added or removed: find out who did it.",
        )
    return folder


def _digest(path: Path) -> str:
    hashed = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            hashed.update(chunk)
    return hashed.hexdigest()
