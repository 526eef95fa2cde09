"""Mappings that people made: files in a private folder, one per name and kind, known to the Import page and the command line."""

import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from sqlalchemy.engine import Engine

from data_access.commands.imports import IMPORT
from data_access.engine import reading
from data_access.errors import InvalidInput, StoreUnavailable
from data_access.imports.files.mapping import mapping_names, parse_mapping
from data_access.imports.files.tables import parse_table
from data_access.imports.places import channel_part, location_part
from data_access.imports.preview.file_format import ORDERS
from data_access.imports.preview.proposal import MappingDraft, table_kind
from data_access.write.kernel import work
from data_access.write.unit_of_work import UnitOfWork

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_RESERVED: Final = "auto"


def save_mapping(engine: Engine, folder: Path, kind: str, name: str, text: str, actor: str) -> Path:
    """Keep the text of a mapping under a name; the file's path. `kind`: orders, or one of `tables.KINDS`.

    Raises:
        Forbidden: the actor may not import files.
        InvalidInput: the name cannot be one or is in use, or the text is no mapping.
        StoreUnavailable: the folder cannot be written.

    """
    if not _NAME.fullmatch(name) or name == _RESERVED or name in mapping_names():
        raise InvalidInput(f"{name!r} cannot be the name of a mapping: give letters a to z, digits and hyphens, and none that is in use.")
    if kind == ORDERS:
        parse_mapping(text, name)
    else:
        parse_table(table_kind(kind), text, name)
    path = folder / kind / f"{name}.toml"
    if path.exists():
        raise InvalidInput(f"There is a mapping {name!r} of {kind} already: choose another name.")

    def edit(unit: UnitOfWork) -> None:
        unit.audit("save_mapping", ("mapping", f"{kind}:{name}"), None, {"text": text})

    work(engine, actor, IMPORT, edit)
    try:
        for one in (folder, path.parent):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, making = tempfile.mkstemp(dir=path.parent, suffix=".new")  # only its owner can read it
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(making).replace(path)
    except OSError as error:
        raise StoreUnavailable(f"The mapping could not be kept ({error.strerror}): check that {folder} can be written.") from error
    return path


def with_places(engine: Engine, draft: MappingDraft, places: tuple[str, str]) -> MappingDraft:
    """A draft of orders of a channel and location of the store, by their ids.

    Raises:
        InvalidInput: the store lacks one of them.

    """
    with reading(engine) as connection:
        return replace(draft, channel=channel_part(connection, places[0]), location=location_part(connection, places[1]))


def saved_mappings(folder: Path, kind: str) -> dict[str, Path]:
    """The mappings of a kind that people made, by name."""
    return {path.stem: path for path in sorted((folder / kind).glob("*.toml"))}


def mapping_by_name(folder: Path, kind: str, name: str) -> str:
    """What `import_orders` and `import_table` take for a name: the path of the mapping that people made, or the name itself."""
    saved = saved_mappings(folder, kind).get(name)
    return name if saved is None else str(saved)
