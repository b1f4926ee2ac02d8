"""BentoML with the same ONNX model as the service."""

import os

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=1)
class Late:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"] + ".onnx", options)
        self.types = {
            given.name: object if given.type == "tensor(string)" else np.float32 for given in self.session.get_inputs()
        }

    @bentoml.api
    def predict(self, rows: list[dict]) -> list[list[float]]:
        feeds = {name: np.array([[row.get(name)] for row in rows], dtype=kind) for name, kind in self.types.items()}
        return self.session.run(None, feeds)[0].tolist()
