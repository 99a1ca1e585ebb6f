"""Data: image sets, the packed store, batches that follow from seed and step."""
