"""Playing: a model in the browser, on this machine."""
