from .ctc_decoder import CTCDecoder
from .implicit_attention_decoder import ImplicitAttentionDecoder
from .siga_decoder import SIGADecoder
from .siga_parallel_decoder import SIGAParallelDecoder
from .srn_decoder import SRNDecoder
from .two_reader_decoder import TwoReaderDecoder

__all__ = [
    'CTCDecoder', 'ImplicitAttentionDecoder', 'SIGADecoder', 'SIGAParallelDecoder', 'SRNDecoder',
    'TwoReaderDecoder'
]
