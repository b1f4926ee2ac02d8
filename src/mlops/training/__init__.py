"""Data -> model.onnx."""
