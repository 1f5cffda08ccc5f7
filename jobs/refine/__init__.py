"""Refine: prepare the backbone whose features the classifier sees."""
