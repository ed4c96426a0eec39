"""Model artifacts: writing, reading and ONNX export."""
