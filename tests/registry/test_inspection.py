"""Looking into packages from strangers: everything wrong is named, and nothing in them runs. And completing drafts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from safetensors.numpy import load, save

from registry.errors import PackageError
from registry.inspection import inspected
from registry.manifest import manifest_schema
from registry.package import StylePackage
from registry.packing import pack_draft
from stylecore.data import Digest, RestyleError

MakePackage = Callable[..., StylePackage]


def found(folder: Path) -> set[tuple[str, str]]:
    return {(each.code, each.where) for each in inspected(folder).defects}


def manifest(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "style.json").read_bytes())
    return told


def replace_file(folder: Path, name: str, content: bytes) -> None:
    """As an attacker would who recomputes the digests."""
    (folder / name).write_bytes(content)
    told = manifest(folder)
    told["files"][name] = Digest.of(content)
    (folder / "style.json").write_text(json.dumps(told))


def test_a_whole_package_has_no_defects(make_package: MakePackage) -> None:
    package = make_package()
    seen = inspected(package.folder)
    assert seen.defects == ()
    assert seen.package == package
    assert {each.name for each in seen.files} == {"style.json", *package.files}
    assert [each.licence for each in seen.rights] == ["CC0-1.0"]


def test_every_defect_is_named_and_not_only_the_first(folder: Path) -> None:
    (folder / "evil.pkl").write_bytes(b"\x80\x04.")
    (folder / "notes.txt").write_text("psst")
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "CARD.md").unlink()
    (folder / "previews" / "dots.jpg").write_bytes(b"other")
    assert found(folder) >= {
        ("pickle", "evil.pkl"),
        ("unlisted", "notes.txt"),
        ("not_a_file", "link"),
        ("missing", "CARD.md"),
        ("changed", "previews/dots.jpg"),
    }


@pytest.mark.parametrize("content", [b"\x80\x02}.", b"\x80\x04\x95.", b"PK\x03\x04archive/data.pkl"])
def test_a_pickle_is_called_one_whatever_its_name_and_does_not_run(folder: Path, content: bytes) -> None:
    replace_file(folder, "weights.safetensors", content)
    assert ("pickle", "weights.safetensors") in found(folder)


def test_a_pickle_without_a_protocol_does_not_run_either(folder: Path, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    replace_file(folder, "weights.safetensors", f"cpathlib\nPath.touch\n(S'{witness}'\ntR.".encode())
    assert ("weights", "weights.safetensors") in found(folder)
    assert not witness.exists()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_a_defect(folder: Path, value: float) -> None:
    tensors = load((folder / "weights.safetensors").read_bytes())
    next(iter(tensors.values())).flat[0] = value
    replace_file(folder, "weights.safetensors", save(tensors))
    assert ("weights", "weights.safetensors") in found(folder)


@pytest.mark.parametrize("header", [2**63, 200_000_000, 8])
def test_a_header_of_weights_that_promises_too_much_is_a_defect(folder: Path, header: int) -> None:
    replace_file(folder, "weights.safetensors", header.to_bytes(8, "little") + b"{" * 64)
    assert ("weights", "weights.safetensors") in found(folder)


def test_a_file_over_its_limit_is_not_read(folder: Path) -> None:
    os.truncate(folder / "weights.safetensors", 200_000_001)
    assert ("too_large", "weights.safetensors") in found(folder)


@pytest.mark.parametrize("name", ["../evil.jpg", "/etc/passwd", "references/../../x.jpg"])
def test_a_name_that_climbs_out_is_a_defect(folder: Path, name: str) -> None:
    told = manifest(folder)
    told["files"][name] = "0" * 64
    (folder / "style.json").write_text(json.dumps(told))
    assert ("manifest", "style.json") in found(folder)


def test_a_preview_that_is_no_picture_is_a_defect(folder: Path) -> None:
    replace_file(folder, "previews/dots.jpg", b"Dear colleagues,")
    assert found(folder) == {("picture", "previews/dots.jpg")}


def test_a_folder_of_thousands_is_left_after_the_first_hundreds(folder: Path) -> None:
    for number in range(300):
        (folder / f"{number}.txt").touch()
    assert ("too_many_files", "the folder") in found(folder)


@settings(max_examples=40)
@given(content=st.binary(max_size=200), name=st.sampled_from(["style.json", "rights.json", "CARD.md", "new.bin"]))
def test_no_bytes_anywhere_do_more_than_be_a_defect(make_package: MakePackage, content: bytes, name: str) -> None:
    folder = make_package().folder
    (folder / name).write_bytes(content)
    assert all(each.where.isprintable() and each.text.isprintable() for each in inspected(folder).defects)


def test_a_draft_gets_its_digests(make_package: MakePackage) -> None:
    package = make_package()
    draft = {key: value for key, value in manifest(package.folder).items() if key not in ("files", "schema")}
    (package.folder / "style.json").write_text(json.dumps(draft))
    assert pack_draft(package.folder) == package


def test_packing_again_after_a_change_pins_the_change(folder: Path) -> None:
    before = StylePackage.read(folder)
    (folder / "CARD.md").write_text("# Better\n")
    after = pack_draft(folder)
    assert after.digest != before.digest
    assert after.card == "# Better\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("style.json", b"[]"), ("style.json", b"{}"), ("style.json", b'{"a": 1, "a": 2}'), ("rights.json", b"[]"),
        ("CARD.md", b"\xff"), ("run.py", b"import os"),
    ],
)  # fmt: skip
def test_a_draft_that_cannot_become_a_package_is_left_as_it_was(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    before = (folder / "style.json").read_bytes()
    with pytest.raises(RestyleError):
        pack_draft(folder)
    assert (folder / "style.json").read_bytes() == before


def test_a_folder_without_a_draft_is_told_what_is_missing(folder: Path) -> None:
    (folder / "style.json").unlink()
    with pytest.raises(PackageError, match="restyle styles schema"):
        pack_draft(folder)


def test_the_published_schema_accepts_what_is_accepted_and_refuses_what_is_refused(folder: Path) -> None:
    schema = manifest_schema()
    Draft202012Validator.check_schema(schema)
    check = Draft202012Validator(schema)
    told = manifest(folder)
    assert not list(check.iter_errors(told))
    assert list(check.iter_errors({**told, "surprise": 1}))
    assert list(check.iter_errors({**told, "files": {"CARD.md": "abc"}}))


def test_the_schema_in_the_docs_is_the_one_that_holds() -> None:
    published = Path(__file__).parents[2] / "docs" / "style.schema.json"
    assert json.loads(published.read_text(encoding="utf-8")) == manifest_schema()
