from .siga_encoder import SIGAEncoder, pool_glyphs
from .srn_encoder import SRNEncoder

__all__ = ['SIGAEncoder', 'SRNEncoder', 'pool_glyphs']
