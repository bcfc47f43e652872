from .alignment_loss import AlignmentLoss
from .glyph_loss import GlyphLoss
from .srn_module_loss import SRNModuleLoss
from .text_mask_loss import TextMaskLoss
from .word_loss import WordLoss

__all__ = ['AlignmentLoss', 'GlyphLoss', 'SRNModuleLoss', 'TextMaskLoss', 'WordLoss']
