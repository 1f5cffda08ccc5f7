"""Featurize: one vector for each picture, shard by shard."""
