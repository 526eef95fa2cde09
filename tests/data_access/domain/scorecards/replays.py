"""The outlook replayed on a demo company's history: what it said of each metric, and what the rate then was."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from data_access.domain.scorecards.as_of import as_of
from data_access.domain.scorecards.days import zones
from data_access.domain.scorecards.observe import observe
from data_access.domain.scorecards.outlook import Outlook, history, outlook
from data_access.domain.scorecards.rates import Rate, cells_at, of_metric, rate, tally, today, wanted
from data_access.domain.scorecards.registry import for_channel, registry
from data_access.domain.scorecards.subjects import subjects
from tests.data_access.domain.scorecards.demo_facts import demo_facts


@dataclass(frozen=True)
class Replay:
    channel_id: str
    metric_id: str
    said: Outlook
    came: Rate

    @property
    def is_certain(self) -> bool:
        """Everything in the window was decided already."""
        return self.said.high - self.said.low < 1e-12

    @property
    def holds(self) -> bool:
        assert self.came.rate is not None
        return self.said.low - 1e-12 <= self.came.rate <= self.said.high + 1e-12


def replays(size: str, seed: int, end: date, moments: int, horizon: int = 7) -> Iterator[Replay]:
    """Each metric of each channel at moments `horizon` days apart, the last of them `horizon` days before the end of history.

    At each moment only the facts as of it are seen, by the outlook and by the rate that it is held against.
    """
    facts, channels = demo_facts(size, seed, end)
    zone_of = zones(channels)
    metrics = {
        row["channel_id"]: [metric for metric in for_channel(registry(), row["marketplace"], row["country"]) if metric.computes]
        for row in channels.iter_rows(named=True)
    }
    asked = wanted(metrics)
    said: dict[tuple[str, str], Outlook | None] = {}
    for back in range(moments, -1, -1):
        now = datetime(end.year, end.month, end.day, 10, tzinfo=UTC) - timedelta(days=horizon * back)
        subjects_then = subjects(as_of(facts, now), channels)
        cells = cells_at(tally(subjects_then, asked, zone_of), now)
        counted = {
            (kind, unit, dated_by): history(observe(subjects_then, kind, unit), dated_by, zone_of, now)
            for kind, unit, dated_by in asked.select("kind", "unit", "dated_by").unique().iter_rows()
        }
        for channel, theirs in metrics.items():
            day = today(now, zone_of[channel])
            for metric in theirs:
                current = rate(of_metric(cells, channel, metric), metric, day)
                before = said.get((channel, metric.id))
                if before is not None and current.rate is not None:
                    yield Replay(channel, metric.id, before, current)
                past = counted[str(metric.computes), metric.unit, metric.dated_by].filter(pl.col("channel_id") == channel)
                said[channel, metric.id] = outlook(past, metric, current, day, horizon)
