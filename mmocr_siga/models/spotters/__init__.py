from .functional import bezier_borders, border_grid, jittered_borders, sample_regions
from .region_pyramid import RegionPyramid
from .region_rectifier import RegionRectifier
from .siga_rec_head import SIGARecHead
from .siga_spotter import SIGASpotter

__all__ = [
    'RegionPyramid', 'RegionRectifier', 'SIGARecHead', 'SIGASpotter', 'bezier_borders',
    'border_grid', 'jittered_borders', 'sample_regions'
]
