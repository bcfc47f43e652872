"""Recognizers, their parts, pseudo-labels and losses."""
# ruff: noqa: F401, F403
from .backbones import *
from .data_preprocessors import *
from .decoders import *
from .detectors import *
from .encoders import *
from .heads import *
from .layers import GSRM, PVAM, VSFD
from .losses import *
from .necks import *
from .plugins import CTCDistillation, GlyphPlugin, Plugin, SECLoss
from .preprocessors import *
from .pretrainers import *
from .recognizers import *
from .spotters import *
from .target_generators import *
from .utils.ppocr_v6 import PretrainedPPOCRv6
