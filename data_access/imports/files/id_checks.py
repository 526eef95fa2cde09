"""What is wrong with the cells of columns that hold ids, as Polars expressions: one sentence each."""

from typing import Final

import polars as pl

from data_access.domain.ids import unseen_in
from data_access.imports.files.mapping_parts import FilePart

_SHORTENED: Final = r"^\d([.,]\d+)?E\+\d{2,3}$"

Check = tuple[pl.Expr, str, pl.Expr]
"""Whether something is wrong, its code, and the reason."""


def id_checks(cell: pl.Expr, column: str, file: FilePart) -> list[Check]:
    """Of ids as they stand in a file's `column`: characters that nobody sees, and quotes that belong to no field."""
    name = column.replace("{", "(").replace("}", ")")
    unseen = unseen_in(cell)
    pattern = f"The id in column {name} holds the character {{}}, which nobody sees: write it without."
    checks = [(unseen.is_not_null(), "unseen_character", pl.format(pattern, unseen))]
    shortened = f"'{{}}' in column {name} is a number that a spreadsheet has shortened: write it in full, and save the column as text."
    checks.append((cell.str.contains(_SHORTENED).fill_null(value=False), "shortened_id", pl.format(shortened, cell)))
    if file.quoting == "detect":  # where its quotes do not match, nobody knows where it ends
        reason = f"The quotes of the id in column {column} do not match: write it without, or set file.quoting in the mapping."
        checks.append((cell.str.contains('^"|""').fill_null(value=False), "open_quote", pl.lit(reason)))
    return checks
