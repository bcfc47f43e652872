from .character_prompt_encoder import CharacterPromptEncoder
from .disentangled_encoder import DisentangledEncoder
from .glyph_prompt_encoder import GlyphPromptEncoder
from .image_token_encoder import ImageTokenEncoder
from .light_svtr_encoder import LightSVTREncoder
from .map_position_encoder import MapPositionEncoder
from .pixel_token_encoder import PixelTokenEncoder
from .siga_encoder import SIGAEncoder, pool_glyphs
from .srn_encoder import SRNEncoder
from .token_encoder import TokenEncoder
from .word_text_encoder import WordTextEncoder

__all__ = [
    'CharacterPromptEncoder', 'DisentangledEncoder', 'GlyphPromptEncoder', 'ImageTokenEncoder',
    'LightSVTREncoder', 'MapPositionEncoder', 'PixelTokenEncoder', 'SIGAEncoder', 'SRNEncoder',
    'TokenEncoder', 'WordTextEncoder', 'pool_glyphs'
]
