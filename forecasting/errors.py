"""Errors that a person can act on: one sentence that names the series and the column, and says what to do."""


class ForecastingError(Exception):
    """A forecast cannot be made."""


class InvalidPanel(ForecastingError):
    """A frame of history or covariates, or an option, cannot be taken."""


class InvalidModels(ForecastingError):
    """Trained models that were kept do not fit together: the sentence says which part."""
