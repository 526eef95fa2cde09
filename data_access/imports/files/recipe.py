"""What the store keeps of an import so that single rows of it can be tried again."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a retry of single rows needs of their import; and as what encoding and delimiter the file was read.

    `is_sheet`: the rows are of a workbook. `encoding` and `preamble`: of the file, so that its rows can be written as it is; empty for
    imports that did not keep them.
    """

    mapping: str
    header: str
    options: dict[str, Any]
    read_as: str = ""
    is_sheet: bool = False
    encoding: str = ""
    preamble: Sequence[str] = ()

    def to_json(self) -> str:
        """As it is kept in `import_run.recipe`."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """From `import_run.recipe`."""
        raw = json.loads(text)
        kept = {name: raw[name] for name in ("read_as", "is_sheet", "encoding", "preamble") if name in raw}
        return cls(raw["mapping"], raw["header"], raw["options"], **kept)
