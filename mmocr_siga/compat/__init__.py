"""Gaps between the versions of MMOCR's dependencies, and how they are closed."""
