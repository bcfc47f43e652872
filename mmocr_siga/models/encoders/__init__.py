from .light_svtr_encoder import LightSVTREncoder
from .siga_encoder import SIGAEncoder, pool_glyphs
from .srn_encoder import SRNEncoder

__all__ = ['LightSVTREncoder', 'SIGAEncoder', 'SRNEncoder', 'pool_glyphs']
