"""The parts of a transfer: names and inputs, the plan, pictures through a model, the results."""
