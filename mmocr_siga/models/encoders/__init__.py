from .siga_encoder import GlyphEncoding, SIGAEncoder, pool_glyphs
from .srn_encoder import SRNEncoder

__all__ = ['GlyphEncoding', 'SIGAEncoder', 'SRNEncoder', 'pool_glyphs']
