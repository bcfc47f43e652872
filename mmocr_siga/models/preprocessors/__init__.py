from .tps_rectifier import TPSRectifier

__all__ = ['TPSRectifier']
