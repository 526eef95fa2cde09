"""The columnar mirror of history: the facts of the store as Parquet files by month of placing, kept up to date from its change log."""
