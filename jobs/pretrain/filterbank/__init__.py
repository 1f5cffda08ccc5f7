"""Backbones that need no training: two banks of fixed filters, written down as ONNX.

`python -m jobs.pretrain.filterbank` writes them, with their cards, to where refine finds them.
Nothing here is learnt or random, so the same code gives the same files.
"""

from jobs.pretrain.filterbank.backbones import BACKBONES, FOLDER, card, write

__all__ = ["BACKBONES", "FOLDER", "card", "write"]
