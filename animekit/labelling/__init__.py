"""Labelling: pictures without tags get a file of labels, read by a tagger."""
