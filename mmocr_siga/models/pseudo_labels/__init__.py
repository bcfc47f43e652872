"""Pseudo-labels as pure functions."""
