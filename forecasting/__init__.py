"""Demand forecasts with honest intervals: frames in, frames out. Knows no database and no page."""

from forecasting.api import backtest, forecast
from forecasting.errors import ForecastingError, InvalidPanel

__all__ = ["ForecastingError", "InvalidPanel", "backtest", "forecast"]
