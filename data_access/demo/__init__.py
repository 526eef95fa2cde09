"""The demo company: a seeded simulator of two years of history, and of live events afterwards."""

from data_access.demo.build import DemoSummary, build_demo
from data_access.demo.live_events import catch_up, days_missed, live

__all__ = ["DemoSummary", "build_demo", "catch_up", "days_missed", "live"]
