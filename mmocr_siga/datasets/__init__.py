"""Word images: transforms, data sets and annotation formats."""
from .available_datasets import AvailableDatasets
from .checked_scene_dataset import CheckedSceneDataset
from .checked_text_dataset import CheckedTextDataset
from .errors import UnusableImageError
from .file_backend import NonEmptyBackend
from .icdar_scene_dataset import ICDARSceneDataset
from .rendered_word_dataset import RenderedWordDataset
from .samplers import RatioSampler
from .transforms import (
    EnsureBGR,
    FitScene,
    LoadWordImage,
    PackGlyphInputs,
    RandomSceneWindow,
    RandomTextColor,
    RandomTextDeterioration,
    RandomTextGeometry,
    TextMask,
)
from .tsv_label_parser import TSVLabelParser
from .word_lmdb_dataset import WordLMDBDataset
from .word_tsv_dataset import WordTSVDataset

__all__ = [
    'AvailableDatasets', 'CheckedSceneDataset', 'CheckedTextDataset', 'EnsureBGR', 'FitScene',
    'ICDARSceneDataset', 'LoadWordImage', 'NonEmptyBackend', 'PackGlyphInputs',
    'RandomSceneWindow', 'RandomTextColor', 'RandomTextDeterioration', 'RandomTextGeometry',
    'RatioSampler', 'RenderedWordDataset', 'TSVLabelParser', 'TextMask', 'UnusableImageError',
    'WordLMDBDataset', 'WordTSVDataset'
]
