"""The parts of a cleaning: what is looked at, flags, moves and the way back, and reports."""
