"""Weights of models, and hooks that see what their modules do."""
