"""Pretrain: makes the backbones that come with Darkroom."""
