"""The generated documents: `docs/store.md` from the schema and the events, `docs/cli.md` from the commands, `docs/settings.md`.

`python -m dashboard.docs` writes them; with `--check` it writes nothing and fails where one is out of date.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
import typer
from pydantic import BaseModel
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from dashboard.cli import app
from dashboard.settings import FILE, Settings
from data_access import schema
from data_access.events import registry
from data_access.schema import audit, buffers, catalog, channels, demand, jobs, orders, purchasing, returns, scorecards, stock, users

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs"
POSTGRESQL: Final[Dialect] = postgresql.dialect()  # type: ignore[no-untyped-call]
NOTE: Final = "<!-- Made by `make docs` from the code: change that instead. -->"
TOPICS: Final = (catalog, channels, stock, buffers, orders, returns, scorecards, purchasing, demand, jobs, users, audit)
EVENTS: Final = tuple(kind.model for kind in registry.KINDS.values())
LIMITS: Final = {
    "minimum": "at least {:,}",
    "exclusiveMinimum": "more than {:,}",
    "maximum": "at most {:,}",
    "exclusiveMaximum": "less than {:,}",
    "maxLength": "at most {} characters",
    "pattern": "like `{}`",
}
OWN_FIELDS: Final = ("kind", "source", "event_id", "occurred_at", "received_at")

STORE_INTRO: Final = """\
The contract for systems that read OnHand's store directly, or that write to it. Both databases, SQLite and PostgreSQL, have the
same tables. The schema's revision is in `alembic_version`; this page describes revision `{revision}`.

## Conventions

- **Times** (`*_at`) are integers: microseconds since 1970-01-01 in UTC. **Days** (`*_on`) are text `YYYY-MM-DD`.
- **Money** is an integer in 1/10,000 of the currency beside it. Amounts of two currencies are never added.
- **Units** are integers. A ledger movement is signed; everything else that counts units is not negative.
- **Ids** of rows (`id`, `*_id` of type `bigint`) come from one sequence, handed out in blocks: raise `id_block.next_id` of the
  name `row` by n in a transaction of its own and use the n ids before the new value. They say nothing about time or order.
- **Business keys** (`sku`, `channel_id`, `location_id`, `order_ref`, ...) are text and never change.
- **Projections** (`stock_level`, `backorder_level`) follow from the facts; `onhand verify` rebuilds them and prints every difference.

## Reading

Any table may be read at any time, in one transaction (on PostgreSQL at `repeatable read`) for figures that must agree. To follow
what changes, read `store_version` for the topics that matter and, when a version moved, `change_log` above the last version seen:
versions rise in the order of commits, without gaps seen late. The log is kept for at most 7 days. `event.received_at` and
`channel_state` tell how old a channel's data are.

## Writing

Send events: `onhand` and its feeds pass every sale, shipment, count and so on through `data_access.events.ingest`, which writes
the event, the ledger, the projections, the version and the change log in one transaction.

- An event is known by (`source`, `event_id`). The same again changes nothing; with another payload it goes to the inbox as a
  conflict. Events may come in any order: one that names an order, SKU or location not known yet is parked until that is there.
- Never update or delete `event` or `stock_movement`, and never write to a projection by hand.
- A writer that changes catalogue tables directly (`product`, `kit_component`, `location`, `channel`, `channel_location`, `listing`,
  `supplier`, `supplier_item`) does so in one transaction whose last statements raise `store_version` for the topic by one and
  insert what changed into `change_log` under the new version. On SQLite begin with `BEGIN IMMEDIATE`, and hold no write lock
  longer than 250 ms. A component that changes is a new version of its kit: add rows of `kit_component` under the next number and
  raise `product.kit_version`; never change old rows, which old order lines rest on.
"""


def store() -> str:
    """`docs/store.md`: conventions, every table with its columns and constraints, every kind of event with its fields."""
    from data_access.store.lifecycle import head_revision

    parts = ["# The store", NOTE, STORE_INTRO.format(revision=head_revision()), "## Tables", _diagram()]
    for topic in TOPICS:
        name = topic.__name__.rsplit(".", 1)[1]
        parts += [f"### {name.capitalize()}", str(topic.__doc__).strip()]
        parts += [_table(table) for table in _tables_of(topic)]
    parts += ["## Events", _events_intro(), *(_event(model) for model in EVENTS)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _tables_of(topic: Any) -> list[sa.Table]:
    return [table for name in topic.__all__ if isinstance(table := getattr(topic, name), sa.Table)]


def _diagram() -> str:
    links = sorted(
        {
            (key.column.table.name, table.name)
            for table in schema.metadata.tables.values()
            for key in table.foreign_keys
            if key.column.table.name != table.name
        }
    )
    lines = [f"    {parent} ||--o{{ {child} : has" for parent, child in links]
    return "\n".join(["```mermaid", "erDiagram", *lines, "```"])


def _table(table: sa.Table) -> str:
    rows = [
        [f"`{column.name}`", _type(column), _key(column), "" if column.nullable else "yes", column.comment or ""]
        for column in table.columns
    ]
    rules = [f"- check: `{rule.sqltext}`" for rule in table.constraints if isinstance(rule, sa.CheckConstraint)]
    indexes = [
        f"- {'unique' if index.unique else 'index'}: {', '.join(f'`{column.name}`' for column in index.columns)}" for index in table.indexes
    ]
    text = [f"#### {table.name}", table.comment or "", _grid(["column", "type", "key", "required", "meaning"], rows)]
    if rules or indexes:
        text.append("\n".join(sorted(rules) + sorted(indexes)))
    return "\n\n".join(text)


def _type(column: sa.Column[Any]) -> str:
    return str(column.type.compile(dialect=POSTGRESQL)).lower()


def _key(column: sa.Column[Any]) -> str:
    keys = ["primary"] if column.primary_key else []
    return ", ".join(keys + [f"`{key.column.table.name}.{key.column.name}`" for key in sorted(column.foreign_keys, key=str)])


def _grid(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _events_intro() -> str:
    example = registry.parse(
        {
            "kind": "sale",
            "source": "webshop",
            "event_id": "o-1001",
            "occurred_at": "2026-03-01T10:00:00Z",
            "received_at": "2026-03-01T10:00:02Z",
            "channel_id": "webshop",
            "order_ref": "1001",
            "currency": "EUR",
            "lines": [{"line_ref": "1", "external_sku": "A-17", "quantity": 2, "unit_price": 199_000}],
        }
    )
    shown = json.dumps({"kind": "sale", **example.model_dump(mode="json", exclude_none=True, exclude_defaults=True)}, indent=2)
    return f"""\
One JSON object a line, or the models of `data_access.events.models`. Every event has `kind`, `source` (the feed), `event_id`
(unique within the source), `occurred_at` and `received_at` (integer microseconds, or text with a time zone). Unknown fields are
refused: such an event goes to the inbox.

```json
{shown}
```"""


def _event(model: type[BaseModel]) -> str:
    shape = model.model_json_schema()
    required = shape["required"]
    rows = []
    for name, field in shape["properties"].items():
        if name in OWN_FIELDS:
            continue
        rows.append([f"`{name}`", _shown(field), "yes" if name in required else ""])
        lists = [one for one in (field, *field.get("anyOf", ())) if one.get("type") == "array"]
        if lists:
            below = shape["$defs"][lists[0]["items"]["$ref"].rsplit("/", 1)[1]]
            rows += [
                [f"`{name}[].{part}`", _shown(inner), "yes" if part in below["required"] else ""]
                for part, inner in below["properties"].items()
            ]
    kind = shape["properties"]["kind"]["const"]
    return "\n\n".join([f"### {kind}", str(model.__doc__).strip(), _grid(["field", "type", "required"], rows)])


def _shown(field: dict[str, Any]) -> str:
    """A field of a JSON schema in words, with its limits."""
    if "anyOf" in field:
        return " or ".join(_shown(part) for part in field["anyOf"] if part.get("type") != "null")
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return "list, at least one" if field.get("minItems") else "list"
    words = {"integer": "integer", "string": "text", "boolean": "true or false"}
    limits = [text.format(field[name]) for name, text in LIMITS.items() if name in field]
    return ", ".join([words[field["type"]], *limits])


def cli() -> str:
    """`docs/cli.md`: every command with its arguments and options."""
    root = typer.main.get_command(app)
    codes = "Exit codes: 0 done; 1 `onhand verify` found differences; 2 what was given cannot be used, and one sentence on stderr says why."
    parts = ["# The command line", NOTE, str(root.help), codes]
    parts += _commands("onhand", root)
    return "\n\n".join(parts) + "\n"


def _commands(name: str, command: Any) -> list[str]:
    if isinstance(command, TyperGroup):
        below = [part for key, child in command.commands.items() for part in _commands(f"{name} {key}", child)]
        if name == "onhand":
            return below
        own = [f"    {name} [options]", _params(command)] if command.invoke_without_command else []
        return [f"## {name}", str(command.help), *own, *below]
    assert isinstance(command, TyperCommand)  # noqa: S101 - Typer makes no other kind
    level = "##" if name.count(" ") == 1 else "###"
    usage = " ".join([name, *(f"{param.name}".upper() for param in command.params if isinstance(param, TyperArgument))])
    parts = [f"{level} {name}", str(command.help).strip(), f"    {usage}{' [options]' if command.params else ''}"]
    return [*parts, _params(command)] if command.params else parts


def _params(command: TyperCommand | TyperGroup) -> str:
    return _grid(["option", "default", "meaning"], [_param(param) for param in command.params])


def _param(param: Any) -> list[str]:
    if isinstance(param, TyperOption):
        names = ", ".join(f"`{name}`" for name in (*param.opts, *param.secondary_opts))
        default = "" if param.default in (None, False) else f"`{param.default}`"
        return [names, "required" if param.required else default, param.help or ""]
    return [f"`{param.name.upper()}`", "required" if param.required else "", param.help or ""]


def settings() -> str:
    """`docs/settings.md`: every setting with its environment variable and default."""
    rows = [
        [f"`ONHAND_{name.upper()}`", f"`{name}`", "" if field.default == () else f"`{field.default}`", field.description or ""]
        for name, field in Settings.model_fields.items()
    ]
    intro = f"An environment variable wins over `{FILE}` in the folder that a command runs in, which wins over the default."
    return "\n\n".join(["# Settings", NOTE, intro, _grid(["environment", f"in {FILE}", "default", "meaning"], rows)]) + "\n"


def documents() -> dict[Path, str]:
    """Every generated document by its place."""
    return {FOLDER / "store.md": store(), FOLDER / "cli.md": cli(), FOLDER / "settings.md": settings()}


def stale() -> list[Path]:
    """The documents that differ from what the code says."""
    return [path for path, text in documents().items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def main(arguments: list[str]) -> int:
    """Write the documents, or with `--check` say which are out of date."""
    if arguments == ["--check"]:
        outdated = stale()
        for path in outdated:
            typer.echo(f"docs/{path.name} is out of date: run `make docs`.", err=True)
        return 1 if outdated else 0
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
