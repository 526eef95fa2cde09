"""The trained models of a run: files beside a manifest with the digest of each, which is written last.

What was cut short, changed after it was written or is of another version is refused before anything is read of it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from data_access.errors import OnHandError
from data_access.forecasts.files import RunFolder

VERSION: Final = 3
"""Another number when what the files mean changes: models of before are then trained again instead of misread."""

MANIFEST: Final = "models.json"
"""`version`, and `files`: `bytes` and `sha256` (hexadecimal) of each by its name."""

_PREFIX: Final = "models."
_NAME: Final = re.compile(r"[a-z0-9]+(\.[a-z0-9]+)+")
_EARLIER: Final = "learned.*.bin"
"""What earlier releases kept: Python objects, which can run code when they are opened, and so never are."""


class UnusableModels(OnHandError):
    """The models of a run cannot be used: they are to be trained again."""


def put_models(folder: RunFolder, contents: Mapping[str, bytes]) -> None:
    """Put models in place, by the names of their files; those that the run had before are deleted first."""
    folder.drop(MANIFEST)
    folder.drop(f"{_PREFIX}*")
    drop_earlier(folder)
    files = {}
    for name, content in contents.items():
        folder.put_bytes(_PREFIX + name, content)
        files[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    folder.put_document(MANIFEST, {"version": VERSION, "files": files})


def drop_earlier(folder: RunFolder) -> None:
    """Delete what an earlier release kept, once it is of no more use than to say so."""
    folder.drop(_EARLIER)


def has_models(folder: RunFolder) -> bool:
    """Whether a run kept models, of whatever version."""
    return folder.has(MANIFEST) or any(folder.path.glob(_EARLIER))


def models(folder: RunFolder, run_id: int) -> dict[str, bytes]:
    """The contents that were put, by name, each checked against its digest.

    Raises:
        UnusableModels: they are not there, of another version, or not as they were written.

    """
    if not folder.has(MANIFEST) and any(folder.path.glob(_EARLIER)):
        raise UnusableModels(f"The models of forecast {run_id} were kept by an earlier release and are not opened: they are trained again.")
    manifest = _manifest(folder, run_id)
    contents = {}
    for name, entry in manifest.items():
        if not _NAME.fullmatch(name):
            raise UnusableModels(f"The list of models of forecast {run_id} names a file that is not one of them: they are trained again.")
        contents[name] = _content(folder.path / (_PREFIX + name), entry, run_id)
    return contents


def _manifest(folder: RunFolder, run_id: int) -> dict[str, dict[str, Any]]:
    try:
        manifest = json.loads((folder.path / MANIFEST).read_bytes())
        version, files = manifest["version"], manifest["files"]
        entries = {str(name): {"bytes": int(entry["bytes"]), "sha256": str(entry["sha256"])} for name, entry in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnusableModels(f"The list of models of forecast {run_id} cannot be read ({MANIFEST}): they are trained again.") from error
    if version != VERSION:
        raise UnusableModels(f"The models of forecast {run_id} are of version {version}, not {VERSION}: they are trained again.")
    return entries


def _content(path: Path, entry: Mapping[str, Any], run_id: int) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnusableModels(f"The file {path.name} of forecast {run_id} cannot be read: its models are trained again.") from error
    if len(content) != entry["bytes"]:
        problem = f"has {len(content):,} bytes instead of {entry['bytes']:,}"
    elif hashlib.sha256(content).hexdigest() != entry["sha256"]:
        problem = "was changed after it was written"
    else:
        return content
    raise UnusableModels(f"The file {path.name} of forecast {run_id} {problem}: its models are trained again.")
