"""Users and roles."""

import pytest
from sqlalchemy.engine import Engine

from data_access.commands.people import add_user, remove_user, set_role
from data_access.errors import Conflict, Forbidden, InvalidInput
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import table

USERS = "select name, role, version from app_user order by name"
AUDIT = "select actor, action, entity_id, before, after from audit_entry order by id"


def test_users_are_added_changed_and_removed(store: Engine) -> None:
    add_user(store, " ann ", "admin", COMMAND_LINE)
    add_user(store, "bob", "viewer", "ann")
    set_role(store, "bob", "ops", "ann")
    assert table(store, USERS) == [("ann", "admin", 1), ("bob", "ops", 2)]
    remove_user(store, "bob", "ann")
    assert table(store, USERS) == [("ann", "admin", 1)]
    assert table(store, AUDIT) == [
        (COMMAND_LINE, "add_user", "ann", None, '{"role": "admin"}'),
        ("ann", "add_user", "bob", None, '{"role": "viewer"}'),
        ("ann", "set_role", "bob", '{"role": "viewer"}', '{"role": "ops"}'),
        ("ann", "remove_user", "bob", '{"role": "ops"}', None),
    ]


def test_what_cannot_be_is_refused_and_changes_nothing(store: Engine) -> None:
    add_user(store, "ann", "manager", COMMAND_LINE)
    before = table(store, USERS), table(store, AUDIT)
    with pytest.raises(Forbidden, match="ann is manager and may not manage users: ask someone who is admin"):
        add_user(store, "bob", "admin", "ann")
    with pytest.raises(Forbidden):
        set_role(store, "ann", "admin", "ann")
    with pytest.raises(Forbidden):
        remove_user(store, "ann", "stranger")
    with pytest.raises(Conflict, match="There is a user 'ann' already"):
        add_user(store, "ann", "ops", COMMAND_LINE)
    for name in ("", " ", "x" * 81, COMMAND_LINE, "a\nb"):
        with pytest.raises(InvalidInput, match="cannot be a name"):
            add_user(store, name, "ops", COMMAND_LINE)
    with pytest.raises(InvalidInput, match="'boss' is no role: choose one of viewer, ops, planner, manager, admin"):
        add_user(store, "bob", "boss", COMMAND_LINE)
    with pytest.raises(InvalidInput, match="There is no user 'bob'"):
        set_role(store, "bob", "ops", COMMAND_LINE)
    assert (table(store, USERS), table(store, AUDIT)) == before
