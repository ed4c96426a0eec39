"""``serve``: SageMaker's hosting contract over ONNX Runtime; nothing here imports torch, onnx or scipy."""
