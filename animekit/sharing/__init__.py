"""Sharing: a model as a folder that others can take, from a disk or from the Hub."""
