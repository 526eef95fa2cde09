"""Which of the mappings that come with OnHand a file is written for, by its header."""

from pathlib import Path

from data_access.errors import InvalidInput
from data_access.imports.files.mapping import LoadedMapping, load_mapping, mapping_names
from data_access.imports.files.reader import headers_of


def recognised(path: Path) -> LoadedMapping:
    """The mapping all of whose columns the file's header has; of several, the one that reads most of them.

    Raises:
        InvalidInput: the file cannot be read, or none fits; the sentence names the nearest and what it lacks.

    """
    candidates, errors = [], []
    mappings = [load_mapping(name) for name in mapping_names()]
    expected = [[column.strip() for column in loaded.mapping.file_columns] for loaded in mappings]
    headers = headers_of(path, [(loaded.mapping.file, columns) for loaded, columns in zip(mappings, expected, strict=True)])
    for loaded, columns, header in zip(mappings, expected, headers, strict=True):
        if isinstance(header, InvalidInput):  # its header would stand further down
            errors.append(header)
            continue
        missing = [column for column in columns if column not in header]
        candidates.append((not missing, len(columns) - len(missing), loaded, missing))
    if not candidates:
        raise errors[0]
    fits, there, loaded, missing = max(candidates, key=lambda one: one[:2])
    if fits:
        return loaded
    lacks = ", ".join(repr(name) for name in missing[:3])
    nearest = f"the nearest, {loaded.name}, lacks {lacks}" if there else "none has any of its columns"
    raise InvalidInput(f"No mapping that comes with OnHand fits the header of {path} ({nearest}): write one, see docs/importing.md.")
