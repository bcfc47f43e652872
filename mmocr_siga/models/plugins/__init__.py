"""Parts that plug into recognisers of others: losses, and features added to what they read."""
from .base import HostView, Plugin
from .glyph_plugin import GlyphPlugin
from .reading import teacher_forced_attention
from .sec_loss import SECLoss
from .taps import ModuleTap, tap_for

__all__ = [
    'GlyphPlugin', 'HostView', 'ModuleTap', 'Plugin', 'SECLoss', 'tap_for',
    'teacher_forced_attention'
]
