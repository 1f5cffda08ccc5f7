"""Scrape: look at the source, fetch what is new, and make snapshot N of the dataset."""
