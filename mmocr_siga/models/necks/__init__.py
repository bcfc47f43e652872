"""What brings the maps of a backbone into the form that a head or an encoder reads."""
from .column_neck import ColumnNeck
from .pyramid_fusion import PyramidFusion
from .rep_lk_fpn import RepLKFPN
from .token_pyramid_fusion import TokenPyramidFusion

__all__ = ['ColumnNeck', 'PyramidFusion', 'RepLKFPN', 'TokenPyramidFusion']
