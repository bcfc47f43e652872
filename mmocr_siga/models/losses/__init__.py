from .alignment_loss import AlignmentLoss
from .glyph_loss import GlyphLoss
from .siga_word_loss import SIGAWordLoss, WordOutputs
from .srn_module_loss import SRNModuleLoss
from .text_mask_loss import TextMaskLoss

__all__ = [
    'AlignmentLoss', 'GlyphLoss', 'SIGAWordLoss', 'SRNModuleLoss', 'TextMaskLoss', 'WordOutputs'
]
