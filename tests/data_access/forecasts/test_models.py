"""Files of models are given back as they were put, or refused in a sentence before anything is read of them."""

import hashlib
import json
import pickle
from pathlib import Path

import pytest

from data_access.forecasts.files import RunFolder
from data_access.forecasts.models import MANIFEST, VERSION, UnusableModels, has_models, models, put_models

CONTENTS = {"series.mean.txt": b"tree\nleaf_value=1 2\n", "learned.json": b"{}"}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path, 7)
    folder.make()
    return folder


def test_what_was_put_is_given_back_with_a_manifest_of_digests(folder: RunFolder) -> None:
    assert not has_models(folder)
    put_models(folder, {"skus.mean.txt": b"of before"})
    put_models(folder, CONTENTS)
    assert has_models(folder)
    assert models(folder, 7) == CONTENTS
    assert sorted(path.name for path in folder.path.iterdir()) == ["models.json", "models.learned.json", "models.series.mean.txt"]
    entries = {name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in CONTENTS.items()}
    assert json.loads((folder.path / MANIFEST).read_text()) == {"version": VERSION, "files": entries}


def test_the_manifest_is_written_last(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    put_models(folder, CONTENTS)
    names: list[str] = []
    put = RunFolder.put_bytes

    def noted(self: RunFolder, name: str, content: bytes) -> None:
        assert not self.has(MANIFEST)
        names.append(name)
        put(self, name, content)

    monkeypatch.setattr(RunFolder, "put_bytes", noted)
    put_models(folder, CONTENTS)
    assert names == ["models.series.mean.txt", "models.learned.json", MANIFEST]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"tree\nleaf_value=1 3\n", "was changed after it was written"),
        (b"tree\nleaf", "has 9 bytes instead of 20"),
        (b"", "has 0 bytes instead of 20"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused(folder: RunFolder, content: bytes | None, problem: str) -> None:
    put_models(folder, CONTENTS)
    path = folder.path / "models.series.mean.txt"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(UnusableModels) as refusal:
        models(folder, 7)
    assert str(refusal.value) == f"The file models.series.mean.txt of forecast 7 {problem}: its models are trained again."


@pytest.mark.parametrize(
    "content", ["", '{"version": 3', "[]", "{}", '{"version": 3, "files": [1]}', '{"version": 3, "files": {"a.txt": 1}}']
)
def test_a_manifest_that_cannot_be_read_is_refused(folder: RunFolder, content: str) -> None:
    put_models(folder, CONTENTS)
    (folder.path / MANIFEST).write_text(content)
    with pytest.raises(UnusableModels) as refusal:
        models(folder, 7)
    assert str(refusal.value) == "The list of models of forecast 7 cannot be read (models.json): they are trained again."


def test_another_version_is_refused(folder: RunFolder) -> None:
    put_models(folder, CONTENTS)
    folder.put_document(MANIFEST, {**folder.document(MANIFEST), "version": 2})
    with pytest.raises(UnusableModels) as refusal:
        models(folder, 7)
    assert str(refusal.value) == "The models of forecast 7 are of version 2, not 3: they are trained again."


def test_no_file_outside_is_read(folder: RunFolder) -> None:
    secret = b"of somebody else"
    (folder.path / "models.").mkdir()
    (folder.path / "elsewhere.txt").write_bytes(secret)
    entry = {"bytes": len(secret), "sha256": hashlib.sha256(secret).hexdigest()}
    folder.put_document(MANIFEST, {"version": VERSION, "files": {"/../elsewhere.txt": entry}})
    with pytest.raises(UnusableModels) as refusal:
        models(folder, 7)
    assert str(refusal.value) == "The list of models of forecast 7 names a file that is not one of them: they are trained again."


class Trap:
    """Says so in a file when it is opened as a Python object."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (self.path, "opened")


def test_what_an_earlier_release_kept_is_never_opened(folder: RunFolder, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    folder.put_bytes("learned.2.bin", pickle.dumps(Trap(sprung)))
    assert has_models(folder)
    with pytest.raises(UnusableModels) as refusal:
        models(folder, 7)
    assert str(refusal.value) == "The models of forecast 7 were kept by an earlier release and are not opened: they are trained again."
    assert not sprung.exists()
    put_models(folder, CONTENTS)
    assert not folder.has("learned.2.bin")
