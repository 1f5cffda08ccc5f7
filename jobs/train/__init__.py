"""Train: a linear classifier on the features, and the one ONNX file that serves."""
