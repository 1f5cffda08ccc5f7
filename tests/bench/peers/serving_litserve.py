"""LitServe with batches, as its documentation shows it. Usage: MODEL PREPROCESSING PORT WORKERS."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import litserve
import msgspec
import numpy as np
import onnxruntime as ort

from common.images import Preprocessing, decode, preprocess


class Classifier(litserve.LitAPI):
    """One process of as many as there are workers."""

    def setup(self, device: str) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.how = msgspec.json.decode(sys.argv[2], type=Preprocessing)
        self.session = ort.InferenceSession(Path(sys.argv[1]).read_bytes(), options)
        cv2.setNumThreads(1)

    def decode_request(self, request) -> Any:  # type: ignore[no-untyped-def] # LitServe would take any type for a query's
        return preprocess(decode(request["pictures"].file.read()), self.how)

    def batch(self, inputs: Any) -> Any:
        return np.stack(inputs)

    def predict(self, x: Any) -> Any:
        return self.session.run(["probabilities"], {self.session.get_inputs()[0].name: x})[0]

    def unbatch(self, output: Any) -> Any:
        return list(output)

    def encode_response(self, output: Any) -> Any:
        return {"probabilities": output.tolist()}


if __name__ == "__main__":
    api = Classifier(api_path="/classify", max_batch_size=8, batch_timeout=0.002)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=int(sys.argv[4]))
    server.run(host="127.0.0.1", port=int(sys.argv[3]), log_level="warning", generate_client_file=False)
