"""`onhand users`: who may change what."""

from enum import StrEnum
from typing import Annotated

import typer

from dashboard.cli.terminal import Json, current_store, emit, say, typist

app = typer.Typer(no_args_is_help=True, help="Who may change what: list, add, role, remove.")


class Role(StrEnum):
    """What a person may do."""

    VIEWER = "viewer"
    OPS = "ops"
    PLANNER = "planner"
    MANAGER = "manager"
    ADMIN = "admin"


UserName = Annotated[str, typer.Argument(help="What the person is called, on pages and in the audit.", show_default=False)]


@app.command("list")
def users_list(as_json: Json = False) -> None:
    """Everyone who may change something; all others only look."""
    from data_access.queries.people import users

    with current_store() as engine:
        people = users(engine)
    lines = [f"{row['name']}: {row['role']}" for row in people.iter_rows(named=True)]
    emit(people.to_dicts(), lines or ["There are no users: everyone only looks. Add one with `onhand users add NAME --role ops`."], as_json)


@app.command("add")
def users_add(name: UserName, role: Annotated[Role, typer.Option(help="What the person may do.", show_default=False)]) -> None:
    """Add a person: ops change buffers and work the inbox, planners work the inbox, managers do both, admins manage users too."""
    from data_access.commands.people import add_user

    with current_store() as engine:
        add_user(engine, name, role, typist())
    say(f"{name.strip()} is {role}.")


@app.command("role")
def users_role(name: UserName, role: Annotated[Role, typer.Argument(help="What the person may do.", show_default=False)]) -> None:
    """Give a person another role."""
    from data_access.commands.people import set_role

    with current_store() as engine:
        set_role(engine, name, role, typist())
    say(f"{name} is {role} now.")


@app.command("remove")
def users_remove(name: UserName) -> None:
    """Remove a person; what they did stays in the audit."""
    from data_access.commands.people import remove_user

    with current_store() as engine:
        remove_user(engine, name, typist())
    say(f"{name} is removed.")
