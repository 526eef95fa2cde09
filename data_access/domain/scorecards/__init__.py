"""Channel scorecards: the metrics, what each order means for them, rates, headroom and outlook. Frames in, frames out."""
