"""Methods of pre-training: what begins a backbone before there is a task, and is left out later."""
from .character_distiller import CharacterDistiller
from .odm_pretrainer import ODMPretrainer

__all__ = ['CharacterDistiller', 'ODMPretrainer']
