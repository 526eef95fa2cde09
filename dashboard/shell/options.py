"""What filters offer to choose from: ids with the labels that people and the address see, the same on every page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from dashboard.shell import reads, words
from data_access.queries.stock import STATES


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen: ids with the labels that people and the address see."""

    channel: dict[str, str]
    location: dict[str, str]
    category: dict[str, str]
    state: dict[str, str]


def offered() -> Options:
    """What the store offers to choose from."""
    return Options(
        channel=_labels(reads.channels(), "channel_id"),
        location=_labels(reads.locations(), "location_id"),
        category={name: name for name in reads.categories()},
        state={state: words.STATE_LABELS[state] for state in STATES},
    )


def _labels(frame: pl.DataFrame, key: str) -> dict[str, str]:
    """Names by id; where two share a name, the id is added."""
    shared = frame["name"].is_duplicated().to_list()
    names = zip(frame[key].to_list(), frame["name"].to_list(), shared, strict=True)
    return {one: f"{name} ({one})" if twice else name for one, name, twice in names}


def expanded(query: Mapping[str, str | Sequence[str]], available: Options) -> dict[str, list[str]]:
    """A link's parameters with ids turned into the labels that the widgets bind to; what is unknown stays as it is."""
    known = {"channel": available.channel, "location": available.location, "category": available.category, "state": available.state}
    return {
        name: [known.get(name, {}).get(value, value) for value in ([values] if isinstance(values, str) else values)]
        for name, values in query.items()
    }
