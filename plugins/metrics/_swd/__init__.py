"""The parts of the sliced Wasserstein distance."""
