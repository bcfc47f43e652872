"""Words in whole pictures: their regions, and cutting them out."""
from .polygons import (
    CheckedPolygon,
    border_points,
    check_polygon,
    is_vertical,
    polygon_points,
    polygon_shape,
    resample_border,
    signed_area,
    split_borders,
    turned_borders,
)

__all__ = [
    'CheckedPolygon', 'border_points', 'check_polygon', 'is_vertical', 'polygon_points',
    'polygon_shape', 'resample_border', 'signed_area', 'split_borders', 'turned_borders',
]
