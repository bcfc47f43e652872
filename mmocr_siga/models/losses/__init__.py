from .alignment_loss import AlignmentLoss
from .bce_dice_loss import BCEDiceLoss
from .character_distillation_loss import CharacterDistillationLoss
from .ctc_word_loss import CTCWordLoss
from .glyph_loss import GlyphLoss
from .glyph_perceptual_loss import GlyphPerceptualLoss
from .modularity_loss import ModularityLoss
from .plain_ink_loss import PlainInkLoss
from .reader_feature_loss import ReaderFeatureLoss
from .reconstruction_loss import ReconstructionLoss
from .segsort_loss import SegSortLoss
from .srn_module_loss import SRNModuleLoss
from .style_alignment_loss import StyleAlignmentLoss
from .text_image_contrastive_loss import TextImageContrastiveLoss
from .text_mask_loss import TextMaskLoss
from .word_loss import WordLoss

__all__ = [
    'AlignmentLoss', 'BCEDiceLoss', 'CTCWordLoss', 'CharacterDistillationLoss', 'GlyphLoss',
    'GlyphPerceptualLoss', 'ModularityLoss', 'PlainInkLoss', 'ReaderFeatureLoss',
    'ReconstructionLoss', 'SRNModuleLoss', 'SegSortLoss', 'StyleAlignmentLoss',
    'TextImageContrastiveLoss', 'TextMaskLoss', 'WordLoss'
]
