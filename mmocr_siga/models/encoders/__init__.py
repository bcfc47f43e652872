from .siga_encoder import GlyphEncoding, SIGAEncoder, pool_glyphs

__all__ = ['GlyphEncoding', 'SIGAEncoder', 'pool_glyphs']
