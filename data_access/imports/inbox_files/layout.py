"""How the rows of an import are written: in its inbox items, and in the file that they come from."""

from dataclasses import dataclass

import sqlalchemy as sa

from data_access.imports.files.delimited.records import Form
from data_access.imports.files.mapping import parse_mapping
from data_access.imports.files.mapping_parts import FilePart
from data_access.imports.files.reader import form_of, header_cells
from data_access.imports.files.recipe import Recipe
from data_access.imports.files.sheets.workbook import SHEET_FORM
from data_access.imports.files.tables import TABLES, parse_table
from data_access.schema.audit import import_run

RUN_COLUMNS = (import_run.c.kind.label("run_kind"), import_run.c.mapping, import_run.c.recipe)
"""What a layout is read from."""


@dataclass(frozen=True, slots=True)
class RunRecipe:
    """The same, of any import."""

    run_kind: str
    mapping: str
    recipe: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLayout:
    """`part`: what the mapping says of the file; `header`: the names of its columns."""

    recipe: Recipe
    part: FilePart
    form: Form
    header: tuple[str, ...]


def layout_of(run: "sa.Row[tuple[str, str, str]] | RunRecipe") -> FileLayout:
    """Of the import with these `RUN_COLUMNS`."""
    recipe = Recipe.from_json(run.recipe)
    if run.run_kind in TABLES:
        table = parse_table(run.run_kind, recipe.mapping, run.mapping)
        part, needed = table.mapping.file, table.needed
    else:
        mapping = parse_mapping(recipe.mapping, run.mapping)
        part, needed = mapping.file, mapping.file_columns
    form = SHEET_FORM if recipe.is_sheet else form_of(part, recipe.header, needed)
    return FileLayout(recipe=recipe, part=part, form=form, header=header_cells(recipe.header, form, "the file"))
