"""Evaluate: figures with intervals on pictures that training never saw, and a report people like to read."""
