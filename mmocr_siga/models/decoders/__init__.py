from .implicit_attention_decoder import ImplicitAttentionDecoder
from .siga_decoder import SIGADecoder

__all__ = ['ImplicitAttentionDecoder', 'SIGADecoder']
