"""Where a run reports."""
