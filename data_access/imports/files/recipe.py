"""What the store keeps of an import so that single rows of it can be tried again."""

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a retry of single rows needs of their import; and as what encoding and delimiter the file was read.

    `is_sheet`: the rows are of a workbook.
    """

    mapping: str
    header: str
    options: dict[str, Any]
    read_as: str = ""
    is_sheet: bool = False

    def to_json(self) -> str:
        """As it is kept in `import_run.recipe`."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """From `import_run.recipe`."""
        raw = json.loads(text)
        return cls(raw["mapping"], raw["header"], raw["options"], raw.get("read_as", ""), raw.get("is_sheet", False))
