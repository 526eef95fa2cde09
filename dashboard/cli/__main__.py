"""`python -m dashboard.cli` is `onhand`."""

from dashboard.cli import main

if __name__ == "__main__":
    main()
