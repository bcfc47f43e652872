"""Recognizers as ONNX graphs."""
