"""Models: the contract that every trainable thing keeps, and their weights."""
