"""Predict: a model scores pictures that nobody has labelled, shard by shard, and one table says what each of them is."""
