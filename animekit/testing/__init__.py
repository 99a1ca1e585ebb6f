"""For tests: hold a model to the contract, on tiny data."""

from animekit.testing.check import check_model

__all__ = ["check_model"]
