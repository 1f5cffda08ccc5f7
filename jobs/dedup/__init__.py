"""Dedup: which pictures are the same, and the dataset version that follows from it."""
