from .alignment_loss import AlignmentLoss
from .ctc_word_loss import CTCWordLoss
from .glyph_loss import GlyphLoss
from .srn_module_loss import SRNModuleLoss
from .text_mask_loss import TextMaskLoss
from .word_loss import WordLoss

__all__ = [
    'AlignmentLoss', 'CTCWordLoss', 'GlyphLoss', 'SRNModuleLoss', 'TextMaskLoss', 'WordLoss'
]
