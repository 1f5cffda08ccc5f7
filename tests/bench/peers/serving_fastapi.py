"""The service that most people would write: FastAPI, a form with a file, onnxruntime. Usage: MODEL PREPROCESSING PORT WORKERS."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import cv2
import msgspec
import onnxruntime as ort
import uvicorn
from fastapi import FastAPI, File

from common.images import Preprocessing, decode, preprocess

model, how, port = Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Preprocessing), int(sys.argv[3])
options = ort.SessionOptions()
options.intra_op_num_threads = 1  # requests run side by side in the framework's threads
session = ort.InferenceSession(model.read_bytes(), options)
cv2.setNumThreads(1)
app = FastAPI()


@app.get("/health")
def health() -> str:
    return "ok"


@app.post("/classify")
def classify(pictures: Annotated[bytes, File()]) -> dict[str, Any]:
    """Answer one picture; FastAPI runs this in its pool of threads."""
    batch = preprocess(decode(pictures), how)[None]
    row = session.run(["probabilities"], {session.get_inputs()[0].name: batch})[0][0]
    return {"probabilities": row.tolist()}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
