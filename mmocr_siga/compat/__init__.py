"""Gaps between MMOCR and the packages around it, and how they are closed: :mod:`.patches`."""
