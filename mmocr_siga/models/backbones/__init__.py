from .conv_stem_transformer import ConvStemTransformer
from .dense_net_b import DenseNetB
from .glyph_unet import GlyphUNet
from .lcnet_v4 import LCNetV4
from .siga_resnet45 import SIGAResNet45
from .siga_svtr import SIGASVTR
from .siga_vit import SIGAViT

__all__ = [
    'ConvStemTransformer', 'DenseNetB', 'GlyphUNet', 'LCNetV4', 'SIGAResNet45', 'SIGASVTR',
    'SIGAViT'
]
