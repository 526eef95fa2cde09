"""The files of forecast runs, beside the mirror: written part by part, read node by node."""
