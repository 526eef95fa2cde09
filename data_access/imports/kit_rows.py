"""Writing the rows of kit files: all rows of a kit are its composition; a changed one is a new version."""

from typing import Any

import sqlalchemy as sa

from data_access.imports.order_plan import Bad, Chunk
from data_access.schema.catalog import kit_component, product
from data_access.schema.purchasing import purchase_order_line, supplier_item
from data_access.schema.stock import stock_movement
from data_access.write.bulk import among
from data_access.write.unit_of_work import Unit

Row = dict[str, Any]


def write_kits(unit: Unit, chunk: Chunk, rows: list[Row], refused_kits: list[str]) -> None:
    """Take in whole kits. `refused_kits`: kits of which a row could not be read; their other rows wait with it."""
    kits: dict[str, list[Row]] = {}
    for row in rows:
        kits.setdefault(row["kit_sku"], []).append(row)
    named = {sku for row in rows for sku in (row["kit_sku"], row["component_sku"])}
    unit.catalogue.load(unit.connection, named, ())
    stocked = _stocked(unit, sorted(kits))
    for kit_sku, parts in kits.items():
        problems = [_problem(unit, row, stocked, set(kits)) for row in parts]
        components = [row["component_sku"] for row in parts]
        if len(set(components)) < len(components):
            problems = [("repeated_component", f"The kit {kit_sku} names a component twice: add their quantities.")] * len(parts)
        if any(problems) or kit_sku in refused_kits:
            whole = ("incomplete_kit", f"Another row of the kit {kit_sku} cannot be taken: mend that one, and the kit arrives whole.")
            for row, problem in zip(parts, problems, strict=True):
                chunk.bad.append(Bad(row["row_no"], row["line_number"], kit_sku, *(problem or whole)))
            continue
        outcome = _write_kit(unit, chunk, kit_sku, parts)
        setattr(chunk.tally, outcome, getattr(chunk.tally, outcome) + len(parts))
        chunk.taken += [row["row_no"] for row in parts]


def _stocked(unit: Unit, kits: list[str]) -> set[str]:
    """Those of the SKUs that have been stocked or bought themselves, or are part of a kit: they cannot become kits."""
    stocked: set[str] = set()
    for column in (stock_movement.c.sku, purchase_order_line.c.sku, supplier_item.c.sku, kit_component.c.component_sku):
        stocked |= set(unit.connection.execute(sa.select(column).where(among(unit.connection, column, kits)).distinct()).scalars())
    return stocked


def _problem(unit: Unit, row: Row, stocked: set[str], kits: set[str]) -> tuple[str, str] | None:
    kit_sku, part = row["kit_sku"], row["component_sku"]
    version = unit.catalogue.kit_version(part)
    if version is None:
        return "unknown_sku", f"There is no SKU {part}: import products first."
    if version or part in kits:
        return "nested_kit", f"{part} is a kit itself: name its components."
    if kit_sku in stocked:
        return "has_stock", f"{kit_sku} has been stocked, bought or put into a kit itself, so it cannot become a kit: use another SKU."
    return None


def _write_kit(unit: Unit, chunk: Chunk, kit_sku: str, parts: list[Row]) -> str:
    wanted = tuple(sorted((row["component_sku"], row["quantity"]) for row in parts))
    version = unit.catalogue.kit_version(kit_sku)
    name = next((row["name"] for row in parts if row["name"] is not None), None)
    if version and tuple(sorted(unit.catalogue.components(kit_sku, version))) == wanted:
        return "duplicates"
    if version is None:
        unit.connection.execute(product.insert(), {"sku": kit_sku, "name": name or kit_sku, "category": "uncategorised", "kit_version": 1})
        chunk.keys.append(f"sku:{kit_sku}")
    else:
        change = sa.update(product).where(product.c.sku == kit_sku)
        unit.connection.execute(change.values(kit_version=version + 1, version=product.c.version + 1))
    rows = [{"kit_sku": kit_sku, "kit_version": (version or 0) + 1, "component_sku": sku, "quantity": units} for sku, units in wanted]
    unit.connection.execute(kit_component.insert(), rows)
    unit.touch("catalog", "product", kit_sku)
    return "updated" if version else "imported"
