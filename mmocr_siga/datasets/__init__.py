"""Word images: transforms, data sets and annotation formats."""
from .formats.file_backend import NonEmptyBackend
from .formats.icdar_scene_dataset import ICDARSceneDataset
from .formats.tsv_label_parser import TSVLabelParser
from .formats.word_folder_dataset import WordFolderDataset
from .formats.word_json_dataset import WordJSONDataset
from .formats.word_lmdb_dataset import WordLMDBDataset
from .formats.word_tsv_dataset import WordTSVDataset
from .rendered_group_dataset import RenderedGroupDataset
from .rendered_pair_dataset import RenderedPairDataset
from .rendered_scene_dataset import RenderedSceneDataset
from .rendered_word_dataset import RenderedWordDataset
from .samplers import GroupSampler, RatioSampler
from .transforms import (
    DestyledLabel,
    EnsureBGR,
    FitScene,
    LoadWordImage,
    PackGlyphInputs,
    PackODMInputs,
    PackPairInputs,
    PackWordViews,
    RandomSceneWindow,
    RandomTextColor,
    RandomTextDeterioration,
    RandomTextGeometry,
    RandomTextPhotometry,
    SplitWord,
    TextMask,
    TextPrompt,
    WordViewPair,
)
from .wrappers.available_datasets import AvailableDatasets
from .wrappers.checked_scene_dataset import CheckedSceneDataset
from .wrappers.checked_text_dataset import CheckedTextDataset

__all__ = [
    'AvailableDatasets', 'CheckedSceneDataset', 'CheckedTextDataset', 'DestyledLabel',
    'EnsureBGR', 'FitScene', 'GroupSampler', 'ICDARSceneDataset', 'LoadWordImage',
    'NonEmptyBackend', 'PackGlyphInputs', 'PackODMInputs', 'PackPairInputs', 'PackWordViews',
    'RandomSceneWindow', 'RandomTextColor', 'RandomTextDeterioration', 'RandomTextGeometry',
    'RandomTextPhotometry', 'RatioSampler', 'RenderedGroupDataset', 'RenderedPairDataset',
    'RenderedSceneDataset', 'RenderedWordDataset', 'SplitWord', 'TSVLabelParser', 'TextMask',
    'TextPrompt', 'WordFolderDataset', 'WordJSONDataset', 'WordLMDBDataset', 'WordTSVDataset',
    'WordViewPair'
]
