"""Reporting: one page that says what a run is and made, from its folder alone."""
