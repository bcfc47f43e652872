from .region_extractor import RegionExtractor
from .region_pyramid import RegionPyramid
from .region_rectifier import RegionRectifier
from .scene_preprocessor import ScenePreprocessor
from .siga_rec_head import SIGARecHead
from .siga_roi_head import SIGARoIHead
from .siga_spotter import SIGASpotter

__all__ = [
    'RegionExtractor', 'RegionPyramid', 'RegionRectifier', 'SIGARecHead', 'SIGARoIHead',
    'SIGASpotter', 'ScenePreprocessor'
]
