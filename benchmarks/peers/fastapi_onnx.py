"""FastAPI on uvicorn: pydantic checks the types of a row, onnxruntime predicts."""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import create_model

OPTIONS = onnxruntime.SessionOptions()
OPTIONS.intra_op_num_threads = 1
SESSION = onnxruntime.InferenceSession(os.environ["MODEL"] + ".onnx", OPTIONS)
TYPES = {given.name: str if given.type == "tensor(string)" else float | None for given in SESSION.get_inputs()}
Row = create_model("Row", **{name: (kind, ... if kind is str else None) for name, kind in TYPES.items()})
Body = create_model("Body", rows=(list[Row], ...))
app = FastAPI()


@app.post("/predict")
async def predict(body: Body) -> dict[str, list[list[float]]]:
    feeds = {
        name: np.array([[getattr(row, name)] for row in body.rows], dtype=object if kind is str else np.float32)
        for name, kind in TYPES.items()
    }
    return {"probabilities": SESSION.run(None, feeds)[0].tolist()}
