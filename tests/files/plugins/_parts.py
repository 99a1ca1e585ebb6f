"""Not a plugin: its name begins with an underscore."""

raise AssertionError("a file that begins with an underscore was loaded")
