"""Hub: what others published, downloaded with care."""
