from .functional import fiducial_points, tps_grid_matrix, warp_images, warp_masks
from .tps_rectifier import TPSRectifier

__all__ = ['TPSRectifier', 'fiducial_points', 'tps_grid_matrix', 'warp_images', 'warp_masks']
