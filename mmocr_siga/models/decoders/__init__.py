from .coverage_transformer_decoder import CoverageTransformerDecoder
from .ctc_decoder import CTCDecoder
from .implicit_attention_decoder import ImplicitAttentionDecoder
from .in_context_decoder import InContextDecoder
from .siga_decoder import SIGADecoder
from .siga_parallel_decoder import SIGAParallelDecoder
from .srn_decoder import SRNDecoder
from .styled_image_decoder import StyledImageDecoder
from .two_reader_decoder import TwoReaderDecoder

__all__ = [
    'CTCDecoder', 'CoverageTransformerDecoder', 'ImplicitAttentionDecoder', 'InContextDecoder',
    'SIGADecoder', 'SIGAParallelDecoder', 'SRNDecoder', 'StyledImageDecoder', 'TwoReaderDecoder'
]
