"""Word images: transforms, data sets and annotation formats."""
from .formats.file_backend import NonEmptyBackend
from .formats.icdar_scene_dataset import ICDARSceneDataset
from .formats.tsv_label_parser import TSVLabelParser
from .formats.word_json_dataset import WordJSONDataset
from .formats.word_lmdb_dataset import WordLMDBDataset
from .formats.word_tsv_dataset import WordTSVDataset
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
from .wrappers.available_datasets import AvailableDatasets
from .wrappers.checked_scene_dataset import CheckedSceneDataset
from .wrappers.checked_text_dataset import CheckedTextDataset

__all__ = [
    'AvailableDatasets', 'CheckedSceneDataset', 'CheckedTextDataset', 'EnsureBGR', 'FitScene',
    'ICDARSceneDataset', 'LoadWordImage', 'NonEmptyBackend', 'PackGlyphInputs',
    'RandomSceneWindow', 'RandomTextColor', 'RandomTextDeterioration', 'RandomTextGeometry',
    'RatioSampler', 'RenderedWordDataset', 'TSVLabelParser', 'TextMask', 'WordJSONDataset',
    'WordLMDBDataset', 'WordTSVDataset'
]
