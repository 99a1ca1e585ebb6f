"""How packed pictures lie on disk: in parts where they are many, built by one process at a time."""
