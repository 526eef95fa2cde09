"""Two files hold the same rows, and the first is taken back: the second is named, and its file brings them when it is imported again."""

from pathlib import Path

from sqlalchemy.engine import Engine

from data_access.commands.imports import undo_import
from data_access.imports.order_import import import_orders
from data_access.imports.undo.preview import preview_undo
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import HEADER, row, sound, table, write
from tests.data_access.imports.test_undo import accounting, history, orders, prepare

MARCH = [row(str(number), "a", "MUG") for number in (1, 2, 3)]
APRIL = [row(str(number), "a", "MUG") for number in (2, 3, 4)]
MAY = [row("5", "a", "CUP")]


def known(store: Engine) -> list[str]:
    return [ref for (ref,) in table(store, "select order_ref from sales_order where order_ref <> '0' order by order_ref")]


def test_rows_that_two_files_hold_are_not_lost_silently(store: Engine, tmp_path: Path) -> None:
    prepare(store, tmp_path)
    march = orders(store, tmp_path, "march", *MARCH)
    april = orders(store, tmp_path, "april", *APRIL)
    orders(store, tmp_path, "may", *MAY)
    whole = history(store)
    assert (april.imported, april.duplicates) == (1, 2)
    other = {"import_run_id": april.import_run_id, "file_name": "april.csv", "rows": 2}
    assert preview_undo(store, march.import_run_id).overlapping == [other]
    assert preview_undo(store, april.import_run_id).overlapping == []
    undo_import(store, march.import_run_id, COMMAND_LINE)
    assert known(store) == ["4", "5"]
    again = orders(store, tmp_path, "april", *APRIL)
    assert (again.imported, again.duplicates, known(store)) == (2, 1, ["2", "3", "4", "5"])
    assert accounting(orders(store, tmp_path, "april", *APRIL))["duplicates"] == 3
    sound(store)
    orders(store, tmp_path, "march", *MARCH)
    held = ("sales_order", "order_line", "stock_level")
    assert [len(history(store)[name]) for name in held] == [len(whole[name]) for name in held]
    sound(store)


def test_a_file_read_by_another_mapping_is_named_too(store: Engine, tmp_path: Path) -> None:
    """Its rows say nothing new of lines that are gone once the first is taken back, though its mapping has another name."""
    prepare(store, tmp_path)
    march = orders(store, tmp_path, "march", *MARCH)
    (tmp_path / "other.toml").write_text((tmp_path / "shop.toml").read_text())
    second = orders_by(store, tmp_path, *APRIL)
    assert preview_undo(store, march.import_run_id).overlapping == [{"import_run_id": second, "file_name": "april.csv", "rows": 2}]
    undo_import(store, march.import_run_id, COMMAND_LINE)
    assert known(store) == ["4"]
    orders_by(store, tmp_path, *APRIL)  # its events are known, and their lines are gone
    assert known(store) == ["2", "3", "4"]
    orders_by(store, tmp_path, *APRIL, *MAY)
    assert known(store) == ["2", "3", "4", "5"]
    assert len(table(store, "select id from order_line")) == 3 + 4
    sound(store)


def orders_by(store: Engine, folder: Path, *rows: str) -> int:
    return import_orders(store, write(folder / "april.csv", HEADER, *rows), str(folder / "other.toml")).import_run_id
