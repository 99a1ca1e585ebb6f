"""For tests: hold a plugin to its contract, on tiny data."""

from animekit.testing.check import check_model
from animekit.testing.plugin_contract import check_plugin

__all__ = ["check_model", "check_plugin"]
