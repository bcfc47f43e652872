# DBNet with the parts of PP-OCRv6's small detector.
_base_ = ['lcnet_v4_detector_parts.py']

model = _base_.detector
