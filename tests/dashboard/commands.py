"""Running the `onhand` command in the process of a test."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from dashboard import cli
from dashboard.settings import settings


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Call = Callable[..., Ended]


def caller(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path) -> Call:
    """Run the command in this process, in a folder of its own, on the store at `url`."""

    def call(*arguments: object, url: str | None = None) -> Ended:
        monkeypatch.chdir(folder)
        if url is not None:
            monkeypatch.setenv("ONHAND_DATABASE_URL", url)
        monkeypatch.setattr(sys, "argv", ["onhand", *map(str, arguments)])
        settings.cache_clear()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        settings.cache_clear()
        printed = capsys.readouterr()
        return Ended(int(ended.value.code or 0), printed.out, printed.err)

    return call


def refused(ended: Ended) -> str:
    """The one sentence of a refusal."""
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.count("\n") == 1
    return ended.err.strip()


def products_file(folder: Path) -> Path:
    """A file of one product."""
    path = folder / "products.csv"
    path.write_text("sku,name,category\nA-1,Kettle,kitchen\n")
    return path


def waiting_in_inbox(onhand: Call, url: str) -> dict[str, int]:
    """How many of each kind wait in the inbox."""
    inbox = json.loads(onhand("inbox", "list", "--json", url=url).out)
    return {row["what"]: row["waiting"] for row in inbox["counts"]}


def import_company(onhand: Call, folder: Path, url: str) -> None:
    """A channel, a location and a product, imported."""
    files = {
        "products": "sku,name,category\nA-1,Kettle,kitchen\n",
        "channels": "channel_id,name,kind,currency,time_zone\nshop,Web shop,webstore,EUR,UTC\n",
        "locations": "location_id,name,kind\nwh,Warehouse,warehouse\n",
    }
    for kind, text in files.items():
        (folder / f"{kind}.csv").write_text(text)
        ended = onhand("import", kind, folder / f"{kind}.csv", url=url)
        assert (ended.code, ended.err) == (0, "")
