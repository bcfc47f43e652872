"""Regions of words in pictures: outlines, crops, sampling grids, characters."""
