"""One module per job that runs by itself; `dashboard.jobs.registry` discovers them."""
