"""The write kernel: one transaction for whoever writes, all or nothing."""

import json
import threading

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.commands.people import add_user
from data_access.engine import reading, row_ids
from data_access.errors import Forbidden
from data_access.schema.audit import audit_entry, change_log, store_version
from data_access.schema.catalog import product
from data_access.schema.users import app_user
from data_access.write.kernel import SYSTEM, work
from data_access.write.permissions import COMMAND_LINE
from data_access.write.unit_of_work import UnitOfWork


def rows(store: Engine, table: sa.Table) -> list[dict[str, object]]:
    with reading(store) as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def add_product(unit: UnitOfWork) -> str:
    unit.connection.execute(sa.insert(product), {"sku": "A-1", "name": "A", "category": "c"})
    unit.touch("catalog", "product", "A-1")
    unit.audit("add_product", ("product", "A-1"), None, {"name": "A"}, "new")
    return "A-1"


def test_one_write_is_data_audit_version_and_change_log(store: Engine) -> None:
    before = next(row["version"] for row in rows(store, store_version) if row["topic"] == "catalog")
    assert work(store, COMMAND_LINE, "manage users", add_product) == "A-1"
    assert [row["sku"] for row in rows(store, product)] == ["A-1"]
    (entry,) = rows(store, audit_entry)
    assert (entry["actor"], entry["action"], entry["entity"], entry["entity_id"], entry["why"]) == (
        COMMAND_LINE,
        "add_product",
        "product",
        "A-1",
        "new",
    )
    assert (entry["before"], json.loads(str(entry["after"]))) == (None, {"name": "A"})
    assert next(row["version"] for row in rows(store, store_version) if row["topic"] == "catalog") == before + 1
    (change,) = rows(store, change_log)
    assert (change["topic"], change["version"], change["entity"], change["entity_id"]) == ("catalog", before + 1, "product", "A-1")


def test_what_a_person_wrote_is_audited_as_it_was_written(store: Engine) -> None:
    work(
        store,
        COMMAND_LINE,
        "manage users",
        lambda unit: unit.audit("rename", ("product", "A-1"), {"name": "Weiß"}, {"name": "Grün"}, "neu"),
    )
    (entry,) = rows(store, audit_entry)
    assert (entry["before"], entry["after"]) == ('{"name": "Weiß"}', '{"name": "Grün"}')


def test_who_may_not_changes_nothing_and_the_work_is_not_begun(store: Engine) -> None:
    add_user(store, "Ann", "viewer", COMMAND_LINE)
    entries, called = rows(store, audit_entry), []
    with pytest.raises(Forbidden, match="Ann is viewer and may not change buffers"):
        work(store, "Ann", "change buffers", lambda unit: called.append(unit))
    assert (called, rows(store, audit_entry), rows(store, change_log)) == ([], entries, [])


def test_a_person_needs_a_permission(store: Engine) -> None:
    with pytest.raises(ValueError, match="needs a permission"):
        work(store, "Ann", None, add_product)
    assert rows(store, product) == []


def test_what_fails_half_way_leaves_nothing(store: Engine) -> None:
    def fail(unit: UnitOfWork) -> None:
        add_product(unit)
        unit.flush()
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        work(store, SYSTEM, None, fail)
    assert (rows(store, product), rows(store, audit_entry), rows(store, change_log)) == ([], [], [])


def test_what_is_flushed_twice_is_written_once(store: Engine) -> None:
    def twice(unit: UnitOfWork) -> None:
        add_product(unit)
        unit.flush()
        unit.flush()

    work(store, SYSTEM, None, twice)
    assert len(rows(store, audit_entry)) == 1
    assert len(rows(store, change_log)) == 1


def test_more_ids_than_were_reserved_are_reserved_in_the_next_try(store: Engine) -> None:
    ids = row_ids(store)
    ids.reserve(1)
    ids.take(ids._end - ids._next)  # the block is used up
    tries: list[int] = []

    def many(unit: UnitOfWork) -> int:
        tries.append(1)
        return [unit.ids.take() for _ in range(6_000)][-1] - 5_999

    first = work(store, SYSTEM, None, many, rows=5_001)
    assert len(tries) == 2
    assert work(store, SYSTEM, None, lambda unit: unit.ids.take()) > first


def test_writers_of_the_same_row_take_turns(store: Engine) -> None:
    add_user(store, "Ann", "viewer", COMMAND_LINE)

    def raise_version(unit: UnitOfWork) -> None:
        query = sa.select(app_user.c.version).where(app_user.c.name == "Ann").with_for_update()
        seen = unit.connection.execute(query).scalar_one()
        unit.connection.execute(sa.update(app_user).where(app_user.c.name == "Ann").values(version=seen + 1))
        unit.audit("raise", ("user", "Ann"), {"version": seen}, {"version": seen + 1})

    (before,) = rows(store, app_user)
    threads = [threading.Thread(target=work, args=(store, SYSTEM, None, raise_version)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (after,) = rows(store, app_user)
    assert after["version"] == before["version"] + 8
    assert len(rows(store, audit_entry)) == 1 + 8
