"""What the first person at an empty store does, once: become its admin, and name the first location and channel."""

from dataclasses import dataclass
from typing import Final
from zoneinfo import available_timezones

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.commands.people import checked_name
from data_access.engine import now_us
from data_access.errors import Conflict, Refused
from data_access.schema.catalog import location, product
from data_access.schema.channels import channel, channel_location
from data_access.schema.users import app_user
from data_access.write.kernel import SYSTEM, work
from data_access.write.unit_of_work import UnitOfWork

MAX_TEXT: Final = 200
_STALE_SECONDS: Final = 48 * 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSteps:
    """Names of the first admin, location and channel. `channel_kind`: webstore, marketplace, social or retail; `currency`: ISO 4217;
    `time_zone`: an IANA name, of both.
    """

    admin: str
    location: str
    channel: str
    channel_kind: str
    currency: str
    time_zone: str


def take_first_steps(engine: Engine, steps: FirstSteps) -> None:
    """Add the first admin, location and channel; their ids are made from their names. Only for who sits at the store's own computer.

    Raises:
        InvalidInput: the admin's name cannot be one.
        Refused: another name, the currency or the time zone cannot be taken; nothing was written.
        Conflict: the store has people or products already.

    """
    name = checked_name(steps.admin)
    places = {"location": _id_of(steps.location), "channel": _id_of(steps.channel)}
    problems = {what: f"Give the {what} a name, of at most {MAX_TEXT} characters." for what, one in places.items() if not one}
    currency = steps.currency.strip().upper()
    if len(currency) != 3 or not currency.isascii() or not currency.isalpha():
        problems["currency"] = f"{steps.currency!r} is not a currency such as EUR."
    if steps.time_zone not in available_timezones():
        problems["time_zone"] = f"{steps.time_zone!r} is not the name of a time zone such as Europe/London."
    if problems:
        raise Refused({0: problems})

    def edit(unit: UnitOfWork) -> None:
        connection = unit.connection
        for column in (app_user.c.name, product.c.sku, location.c.location_id, channel.c.channel_id):
            if connection.execute(sa.select(column).limit(1)).first() is not None:
                raise Conflict("The store is not empty any more: add people with `onhand users add NAME --role ROLE`.")
        connection.execute(sa.insert(app_user), {"name": name, "role": "admin", "created_at": now_us()})
        unit.audit("add_user", ("user", name), None, {"role": "admin"}, "first admin of an empty store")
        place = {"location_id": places["location"], "name": steps.location.strip(), "kind": "warehouse", "time_zone": steps.time_zone}
        connection.execute(sa.insert(location), place)
        unit.audit("add_location", ("location", places["location"]), None, place)
        unit.touch("catalog", "location", places["location"])
        row = {
            "channel_id": places["channel"],
            "name": steps.channel.strip(),
            "kind": steps.channel_kind,
            "currency": currency,
            "time_zone": steps.time_zone,
            "position": 1,
            "stale_after_seconds": _STALE_SECONDS,
        }
        connection.execute(sa.insert(channel), row)
        served = {"channel_id": places["channel"], "location_id": places["location"], "priority": 1}
        connection.execute(sa.insert(channel_location), served)
        unit.audit("add_channel", ("channel", places["channel"]), None, row)
        unit.touch("channels", "channel", places["channel"])

    work(engine, SYSTEM, None, edit, parents=None)


def _id_of(name: str) -> str:
    """A short id: the letters and digits of a name, lower case, with hyphens between its words; empty if it cannot be one."""
    words = "".join(letter if letter.isalnum() else " " for letter in name.lower()).split()
    return "-".join(words) if len(name) <= MAX_TEXT else ""
