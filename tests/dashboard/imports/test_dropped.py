"""Files that people dropped: kept privately, archives unpacked within limits and without paths."""

import gzip
import io
import os
import stat
import time
import zipfile
from pathlib import Path

import pytest

from dashboard.imports import dropped
from dashboard.imports.dropped import DroppedFile, forget, keep, safe_name
from data_access.errors import InvalidInput, StoreUnavailable

TABLE = b"sku,name\nA-1,Pan\n"


def archive(**members: bytes) -> io.BytesIO:
    """A ZIP archive; in the names `__` stands for `/` and `_dot_` for a dot."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    data.seek(0)
    return data


def kept(root: Path, name: str, data: bytes) -> list[DroppedFile]:
    return keep(root, [(name, io.BytesIO(data))])


def contents(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()] if root.exists() else []


def test_a_file_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    (file,) = kept(tmp_path / "imports", "products.csv", TABLE)
    assert (file.path.name, file.path.read_bytes(), file.size) == ("products.csv", TABLE, len(TABLE))
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (file.path.parent, tmp_path / "imports")} == {0o700}
    forget([file])
    assert contents(tmp_path) == []


def test_an_archive_is_unpacked_without_its_paths(tmp_path: Path) -> None:
    members = {"__MACOSX/._a.csv": b"x", "../../etc/passwd": TABLE, "/root/b.csv": TABLE, "folder\\c.csv": TABLE, "folder/": b""}
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    data.seek(0)
    files = keep(tmp_path / "imports", [("export.zip", data)])
    assert sorted(file.path.name for file in files) == ["b.csv", "c.csv", "passwd"]
    assert all(file.path.parent.parent == tmp_path / "imports" for file in files)
    assert len(contents(tmp_path)) == 3


def test_a_workbook_is_no_archive_of_files(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        packed.writestr("[Content_Types].xml", b"<xml/>")
    (file,) = kept(tmp_path, "book.xlsx", data.getvalue())
    assert (file.path.name, file.path.read_bytes()) == ("book.xlsx", data.getvalue())


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("empty.zip", archive().getvalue(), "The archive empty.zip is empty."),
        ("twice.zip", archive(inner_dot_zip=b"PK").getvalue(), "holds another archive, inner.zip: unpack it first"),
        ("many.zip", archive(**{f"f{n}": b"x" for n in range(51)}).getvalue(), "holds 51 files, more than 50: drop fewer at once"),
        ("cut.csv.gz", gzip.compress(TABLE * 100, mtime=0)[:-20], "damaged or cut short: its gzip data cannot be unpacked"),
        ("bomb.zip", archive(a=b"0" * 3_000_000).getvalue(), "more than 1 MB unpacked, the most that this page takes"),
        ("bomb.csv.gz", gzip.compress(b"0" * 3_000_000, mtime=0), "more than 1 MB unpacked, the most that this page takes"),
        ("large.csv", b"0" * 3_000_000, "for a larger file use `onhand import orders FILE --mapping auto`"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_a_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes, sentence: str
) -> None:
    monkeypatch.setattr(dropped, "MAX_BYTES", 1_000_000)
    with pytest.raises(InvalidInput, match=r"^[^\n]*$") as caught:
        keep(tmp_path, [("good.csv", io.BytesIO(TABLE)), (name, io.BytesIO(data))])
    assert sentence in str(caught.value)
    assert contents(tmp_path) == []


def test_a_damaged_or_encrypted_archive_is_refused(tmp_path: Path) -> None:
    whole = bytearray(archive(a=os.urandom(2_000)).getvalue())
    whole[60] ^= 0xFF
    with pytest.raises(InvalidInput, match="is damaged, or packed in a way that cannot be read"):
        kept(tmp_path, "bad.zip", bytes(whole))
    locked = bytearray(archive(a=TABLE).getvalue())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(mark) + place] |= 1
    with pytest.raises(InvalidInput, match="needs a password: unpack it, and drop its files"):
        kept(tmp_path, "locked.zip", bytes(locked))
    assert contents(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "imports").write_text("a file in its place")
    with pytest.raises(StoreUnavailable, match=r"check that .*imports can be written"):
        kept(tmp_path / "imports", "a.csv", TABLE)


def test_what_was_kept_a_day_ago_is_deleted_with_the_next_drop(tmp_path: Path) -> None:
    (old,) = kept(tmp_path, "old.csv", TABLE)
    long_ago = time.time() - dropped.KEPT_SECONDS - 60
    os.utime(old.path.parent, (long_ago, long_ago))
    (new,) = kept(tmp_path, "new.csv", TABLE)
    assert contents(tmp_path) == [new.path]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("orders.csv", "orders.csv"),
        ("../../x.csv", "x.csv"),
        ("C:\\Files\\x.csv", "x.csv"),
        ("--mapping=x.csv", "mapping=x.csv"),
        ("a\nb\x00\x1b.csv", "ab.csv"),
        ("..", "file"),
        ("", "file"),
        ("x" * 300 + ".csv", "x" * 116 + ".csv"),
    ],
)
def test_names_are_no_paths_and_no_options(name: str, safe: str) -> None:
    assert safe_name(name) == safe
