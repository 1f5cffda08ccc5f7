"""From somebody's network to a backbone: an ONNX file and a card that Darkroom's stages can use.

Files are foreign: they are read in a child with limits (`reading.py`), and nothing in them is unpickled or run but the graph itself.
"""
