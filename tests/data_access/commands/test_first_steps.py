"""The first steps at an empty store, once; and having a file imported."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from data_access.commands.first_steps import FirstSteps, take_first_steps
from data_access.commands.imports import ImportRequest, allow_import
from data_access.commands.people import add_user
from data_access.errors import Conflict, Forbidden, InvalidInput, Refused
from data_access.imports.files.delimited.records import file_hash
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import sound, table, write

STEPS = FirstSteps(
    admin=" Ann ", location="Main warehouse", channel="Web-Shop 1", channel_kind="webstore", currency="eur", time_zone="Europe/Berlin"
)
EVERYTHING = """
select 'user', name from app_user
union all select 'place', location_id from location
union all select 'channel', channel_id from channel
"""


def test_the_first_steps_make_an_admin_a_location_and_a_channel(store: Engine) -> None:
    take_first_steps(store, STEPS)
    assert table(store, "select name, role from app_user") == [("Ann", "admin")]
    assert table(store, "select location_id, name, kind, time_zone from location") == [
        ("main-warehouse", "Main warehouse", "warehouse", "Europe/Berlin")
    ]
    assert table(store, "select channel_id, name, kind, currency, time_zone from channel") == [
        ("web-shop-1", "Web-Shop 1", "webstore", "EUR", "Europe/Berlin")
    ]
    assert table(store, "select channel_id, location_id, priority from channel_location") == [("web-shop-1", "main-warehouse", 1)]
    assert table(store, "select action, entity_id from audit_entry order by 1") == [
        ("add_channel", "web-shop-1"),
        ("add_location", "main-warehouse"),
        ("add_user", "Ann"),
    ]
    sound(store)


def test_they_are_taken_once(store: Engine) -> None:
    take_first_steps(store, STEPS)
    with pytest.raises(Conflict, match="The store is not empty any more"):
        take_first_steps(store, replace(STEPS, admin="Bob"))
    assert table(store, "select name from app_user") == [("Ann",)]


def test_a_store_with_people_has_its_admins_already(store: Engine) -> None:
    add_user(store, "Bob", "viewer", COMMAND_LINE)
    with pytest.raises(Conflict, match="add people with `onhand users add NAME --role ROLE`"):
        take_first_steps(store, STEPS)
    assert table(store, EVERYTHING) == [("user", "Bob")]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"admin": " "}, "cannot be a name"),
        ({"location": "!"}, "Give the location a name"),
        ({"channel": ""}, "Give the channel a name"),
        ({"currency": "Euro"}, "'Euro' is not a currency such as EUR"),
        ({"time_zone": "Berlin"}, "'Berlin' is not the name of a time zone such as Europe/London"),
    ],
)
def test_what_cannot_be_taken_is_refused_and_changes_nothing(store: Engine, wrong: dict[str, str], sentence: str) -> None:
    with pytest.raises((InvalidInput, Refused), match=sentence):
        take_first_steps(store, replace(STEPS, **wrong))
    assert table(store, EVERYTHING) == []


def test_who_has_a_file_imported_is_written_down(store: Engine, tmp_path: Path) -> None:
    add_user(store, "Pia", "planner", COMMAND_LINE)
    path = write(tmp_path / "products.csv", "sku,name", "A-1,Pan")
    request = ImportRequest(kind="products", path=path, file_hash=file_hash(path))
    allow_import(store, request, "Pia")
    assert table(store, "select actor, action, entity, entity_id from audit_entry where action = 'import_file'") == [
        ("Pia", "import_file", "file", request.file_hash)
    ]


def test_who_may_not_import_is_refused(store: Engine, tmp_path: Path) -> None:
    add_user(store, "Otto", "ops", COMMAND_LINE)
    path = write(tmp_path / "products.csv", "sku,name", "A-1,Pan")
    request = ImportRequest(kind="products", path=path, file_hash=file_hash(path))
    for actor in ("Otto", "nobody"):
        with pytest.raises(Forbidden, match="may not import files: ask someone who is planner, manager or admin"):
            allow_import(store, request, actor)
    path.write_text("sku,name\nA-1,Pot\n")
    with pytest.raises(InvalidInput, match=r"The file products.csv was changed since its preview: drop it again\."):
        allow_import(store, request, COMMAND_LINE)
    assert table(store, "select action from audit_entry") == [("add_user",)]
