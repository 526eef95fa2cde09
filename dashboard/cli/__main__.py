"""`python -m dashboard.cli` is `onhand`."""

from dashboard.cli import main

main()
