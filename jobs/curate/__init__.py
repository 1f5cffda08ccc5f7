"""Curate: which pictures do not belong to their class, why, and which of them training had better not see."""
