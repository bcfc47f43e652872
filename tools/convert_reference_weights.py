"""Convert weights of the paper's released implementation for this package's config.

    python tools/convert_reference_weights.py IN.pth siga_r.pth

IN is `{'net': state dict}`, with or without the leading `module.` of a distributed run. OUT holds
every weight of the variant's config, the training head's too, and loads strictly, with the head or
with `model.glyph_head=None`. Every key of IN is in the variant's table below; what only the
reference's training needs is named there and dropped.
"""
from __future__ import annotations

import argparse
import pickle
import sys
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

import mmocr_siga  # (first: it repairs what MMOCR's imports need)
from mmocr_siga.cli import run_tool
from mmocr_siga.compat.checkpoint import load
from mmocr_siga.compat.configs import read_config

from mmengine.registry import init_default_scope  # isort: skip
from mmocr.models.common import Dictionary  # isort: skip
from mmocr.registry import MODELS  # isort: skip

ROOT = Path(__file__).resolve().parents[1]
WRAPPER = 'module.'  # of DistributedDataParallel
HEAD = 'glyph_head.'  # what only training needs
FIRST = 5  # mismatches that a message names

# Reference prefix -> ours. The names behind a prefix stay as they are unless a list of such pairs
# follows.
Rows = Sequence[tuple]

_DECODER = (
    ('attention_cell.i2h', 'key'),
    ('attention_cell.h2h', 'query'),
    ('attention_cell.score', 'score'),
    ('attention_cell.rnn', 'rnn'),
    ('attention_cell.fusion.W', 'fusion.gate'),
    ('generator', 'classifier'),
    ('char_embeddings', 'embedding'),
)
_READER = (
    ('rnn.weight_ih', 'rnn.weight_ih_l0'),
    ('rnn.weight_hh', 'rnn.weight_hh_l0'),
    ('rnn.bias_ih', 'rnn.bias_ih_l0'),
    ('rnn.bias_hh', 'rnn.bias_hh_l0'),
    ('generator', 'classifier'),
    ('char_embeddings', 'embedding'),
)
_LOCALISATION = 'model_one.Transformation.LocalizationNetwork'
_BACKBONE = 'model_one.FeatureExtraction.ConvNet'
_GLYPHS = 'model_two.Attention_Cls'
_SEGMENTATION = 'glyph_head.segmentation'

_SIGA_R: Rows = (
    # rectifier: convolutions 0, 4, 8, 12, each followed by its normalization
    *((f'{_LOCALISATION}.conv.{4 * i + j}', f'preprocessor.localisation.{2 * i}.{j}')
      for i in range(4) for j in range(2)),
    (f'{_LOCALISATION}.localization_fc1', 'preprocessor.hidden'),
    (f'{_LOCALISATION}.localization_fc2', 'preprocessor.points'),
    # backbone
    (f'{_BACKBONE}.conv1', 'backbone.conv1'),
    (f'{_BACKBONE}.bn1', 'backbone.bn1'),
    *((f'{_BACKBONE}.layer{i}', f'backbone.layer{i}') for i in range(1, 6)),
    # 1-D memory
    (f'{_BACKBONE}.layer6', 'backbone.columns.first'),
    (f'{_BACKBONE}.conv6', 'backbone.columns.mix.0'),
    (f'{_BACKBONE}.bn6', 'backbone.columns.mix.1'),
    (f'{_BACKBONE}.layer7.0', 'backbone.columns.second'),
    *((f'{_BACKBONE}.{name}7_{i + 1}', f'backbone.columns.rows.{i}.{j}')
      for i in range(2) for j, name in enumerate(('conv', 'bn'))),
    # context
    ('model_two.SequenceEncoding', 'encoder.context'),
    # glyph attention
    (f'{_GLYPHS}.conv1', 'encoder.fusion.coarse.0.0'),
    (f'{_GLYPHS}.bn1', 'encoder.fusion.coarse.0.1'),
    (f'{_GLYPHS}.conv2', 'encoder.fusion.coarse.1.0'),
    (f'{_GLYPHS}.bn2', 'encoder.fusion.coarse.1.1'),
    (f'{_GLYPHS}.unpool2', 'encoder.fusion.up'),
    (f'{_GLYPHS}.conv3', 'encoder.fusion.fine.0.0'),
    (f'{_GLYPHS}.bn3', 'encoder.fusion.fine.0.1'),
    (f'{_GLYPHS}.conv4', 'encoder.fusion.fine.1.0'),
    (f'{_GLYPHS}.bn4', 'encoder.fusion.fine.1.1'),
    (f'{_GLYPHS}.cls_Head_Middle.0', 'encoder.glyph_maps.coarse'),
    (f'{_GLYPHS}.cls_Head_Low.0', 'encoder.glyph_maps.fine'),
    (f'{_GLYPHS}.Middle', 'encoder.glyph_features.coarse'),
    (f'{_GLYPHS}.Low', 'encoder.glyph_features.fine'),
    (f'{_GLYPHS}.lstm.0', 'encoder.glyph_rnn.fine'),
    (f'{_GLYPHS}.lstm.1', 'encoder.glyph_rnn.coarse'),
    # fusion decoders
    ('model_two.Iterable_Predicition_one', 'decoder.branches.fine', _DECODER),
    ('model_two.Iterable_Predicition_two', 'decoder.branches.coarse', _DECODER),
    ('model_two.Fusion.W', 'decoder.fusion.gate'),
    ('model_two.pw', 'decoder.project'),
    ('model_two.generator', 'decoder.reader', _READER),
    # training only
    ('model_one.SequenceModeling', 'glyph_head.aligner.context'),
    ('model_one.Prediction', 'glyph_head.aligner.decoder', _DECODER),
    ('model_two.Prediction', 'glyph_head.plain_decoder', _DECODER),
    ('model_two.FC_Prediction_1', 'glyph_head.glyph_readers.fine', _READER),
    ('model_two.FC_Prediction_2', 'glyph_head.glyph_readers.coarse', _READER),
    (f'{_GLYPHS}.unpool3', f'{_SEGMENTATION}.up'),
    (f'{_GLYPHS}.conv5', f'{_SEGMENTATION}.mix.0'),
    (f'{_GLYPHS}.bn5', f'{_SEGMENTATION}.mix.1'),
    (f'{_GLYPHS}.seg_cls', f'{_SEGMENTATION}.classifier'),
)


class Variant(NamedTuple):
    """What is known of one of the reference's models."""

    config: str  # its config here, from the root of the project
    rows: Rows  # where each weight goes
    folded: Mapping[str, str]  # bias in front of a normalization -> that normalization's mean
    dropped: Mapping[str, tuple]  # what its training alone needs, with the shape
    constants: tuple[str, ...]  # ends of keys that hold no weights
    characters: str  # of its classes 1, 2, ...; class 0 is the end of a word
    classifier: str  # the key that shows the number of classes


VARIANTS = {
    'siga_r': Variant(
        config='projects/siga/configs/siga_r.py',
        rows=_SIGA_R,
        # Our convolutions in front of a normalization have no bias: its mean takes it up.
        folded={
            f'{_GLYPHS}.{name}.bias': mean + '.running_mean' for name, mean in (
                ('conv1', 'encoder.fusion.coarse.0.1'), ('conv2', 'encoder.fusion.coarse.1.1'),
                ('unpool2.0', 'encoder.fusion.up.1'), ('conv3', 'encoder.fusion.fine.0.1'),
                ('conv4', 'encoder.fusion.fine.1.1'), ('unpool3.0', f'{_SEGMENTATION}.up.1'),
                ('conv5', f'{_SEGMENTATION}.mix.1'))
        },
        dropped={'model_two.downsampler.weight': (256, 512), 'model_two.downsampler.bias': (256, )},
        constants=('GridGenerator.inv_delta_C', 'GridGenerator.P_hat'),
        characters='abcdefghijklmnopqrstuvwxyz1234567890',
        classifier='model_two.generator.generator.weight'),
}

# How other models of the family give themselves away: parts of keys, and their name.
_SIGNS = (
    (('.attn.qkv.', '.cls_token', '.pos_embed'), 'SIGA_T (a vision transformer)'),
    (('.mixer.', '.patch_embed'), 'SIGA_S (SVTR)'),
)
_REMEDY = ('in the order of its classes, and with --config a config whose dictionary has the same '
           'ones (english_digits.txt: 62, english_digits_symbols_94.txt: 94)')
_BY_CLASS = ('.generator.weight', '.generator.bias', '.char_embeddings.weight')


class MismatchError(ValueError):
    """A checkpoint is not what the variant's table is for."""


def rename(key: str, rows: Rows) -> str | None:
    """The name of a reference key here, None for one that is in no row."""
    for source, target, *inner in rows:
        if key.startswith(source + '.'):
            rest = key[len(source):]
            if not inner:
                return target + rest
            renamed = rename(rest[1:], inner[0])
            return None if renamed is None else f'{target}.{renamed}'
        if key == source:
            return target
    return None


def original(key: str, rows: Rows) -> str | None:
    """The reference's name of a key of ours: :func:`rename` the other way."""
    turned = [(target, source, *(tuple((b, a) for a, b in names) for names in inner))
              for source, target, *inner in rows]
    return rename(key, turned)


def read_reference(path: Path) -> OrderedDict[str, Tensor]:
    """The weights of a file of ``{'net': state dict}``, or of the state dict itself, without the
    leading ``module.``; MismatchError if it holds something else."""
    content = load(path, 'cpu')
    weights = content.get('net', content) if isinstance(content, Mapping) else None
    if isinstance(weights, Mapping) and 'state_dict' in weights:
        raise MismatchError(
            f"{path} holds a 'state_dict', as MMEngine writes it, and not the reference's 'net': "
            'if it was trained or converted with this package, use it as it is')
    if not isinstance(weights, Mapping) or not weights or not all(
            isinstance(value, Tensor) for value in weights.values()):
        found = sorted(map(str, content))[:FIRST] if isinstance(content, Mapping) else type(content)
        raise MismatchError(f"{path} holds no weights under 'net' (found {found}): give a "
                            "checkpoint as the reference saves it, {'net': state dict}")
    return OrderedDict((key[len(WRAPPER):] if key.startswith(WRAPPER) else key, value)
                       for key, value in weights.items())


def class_order(characters: str, dictionary: Dictionary) -> list[int]:
    """For each of our classes the reference's; one row more, for the start token.

    MismatchError if the two do not hold the same characters.
    """
    ours = {dictionary.idx2str([i]): i for i in range(dictionary.num_classes)
            if i != dictionary.end_idx}
    if set(ours) != set(characters) or len(characters) != dictionary.num_classes - 1:
        raise MismatchError(
            f'the checkpoint is taken to know the {len(characters)} characters {characters!r}, the '
            f'config\'s dictionary has {"".join(ours)!r} and its end: name the checkpoint\'s with '
            f'--characters, {_REMEDY}')
    order = [0] * (dictionary.num_classes + 1)
    for number, character in enumerate(characters, 1):
        order[ours[character]] = number
    order[dictionary.num_classes] = dictionary.num_classes
    return order


def convert(weights: Mapping[str, Tensor], variant: Variant, model: torch.nn.Module,
            characters: str) -> OrderedDict[str, Tensor]:
    """Weights of the reference as the state dict of ``model``, built from the variant's config.

    Without the training head if ``weights`` has none of its weights. MismatchError names the first
    keys and shapes that do not fit, and what to use instead.
    """
    order = class_order(characters, model.decoder.dictionary)
    expected = model.state_dict()
    converted, biases, unknown = OrderedDict(), {}, []
    for key, value in weights.items():
        target = rename(key, variant.rows)
        if key.endswith(variant.constants):
            continue
        if key in variant.folded:
            biases[key] = value
        elif key in variant.dropped:
            _check_shapes([(key, value.shape, variant.dropped[key])])
        elif target is None or target not in expected:
            unknown.append(key)
        else:
            permuted = key.endswith(_BY_CLASS) and value.shape[:1] in ((len(order), ),
                                                                       (len(order) - 1, ))
            converted[target] = value[order[:len(value)]] if permuted else value
    if not any(key.startswith(HEAD) for key in [*converted, *map(variant.folded.get, biases)]):
        expected = {key: value for key, value in expected.items() if not key.startswith(HEAD)}
    missing = [original(key, variant.rows) or key for key in expected if key not in converted]
    missing += [key for key, target in variant.folded.items()
                if target in expected and key not in biases]
    _check_keys(weights, missing, unknown)
    _check_shapes([(original(key, variant.rows), value.shape, expected[key].shape)
                   for key, value in converted.items()])
    _check_shapes([(key, value.shape, expected[variant.folded[key]].shape)
                   for key, value in biases.items()])
    for key, bias in biases.items():
        converted[variant.folded[key]] = converted[variant.folded[key]] - bias
    return converted


def check_classes(weights: Mapping[str, Tensor], variant: Variant, characters: str) -> None:
    """Compare the number of classes, which tells of a dictionary better than any shape."""
    classes = len(weights.get(variant.classifier, '')) or len(characters) + 1
    if classes != len(characters) + 1:
        raise MismatchError(
            f'{variant.classifier} has {classes} classes, {classes - 1} characters and the end, '
            f'but {len(characters)} characters are expected ({characters!r}): it was trained with '
            f'another dictionary. Name its characters with --characters, {_REMEDY}')


def _check_keys(weights: Mapping[str, Tensor], missing: list[str], unknown: list[str]) -> None:
    if not missing and not unknown:
        return
    lines = [f'{len(names)} keys {what}, first {names[:FIRST]}'
             for names, what in ((missing, 'are missing'), (unknown, 'are not known')) if names]
    looks = [name for signs, name in _SIGNS
             if any(sign in key for key in weights for sign in signs)]
    known = ', '.join(VARIANTS)
    if any(key.startswith(('backbone.', 'encoder.', 'decoder.')) for key in weights):
        lines.append('these are the names of this package: use the file as it is')
    elif looks:
        lines.append(f'it looks like a checkpoint of {looks[0]}; tables exist for {known} alone: '
                     'train projects/siga/configs/siga_s.py or siga_t.py, or add a table to '
                     'VARIANTS')
    else:
        lines.append(f'use a checkpoint of one of these variants: {known}')
    raise MismatchError('; '.join(lines))


def _check_shapes(shapes: Sequence[tuple]) -> None:
    wrong = [f'{key} is {tuple(got)} and should be {tuple(want)}'
             for key, got, want in shapes if tuple(got) != tuple(want)]
    if wrong:
        raise MismatchError(
            f'{len(wrong)} tensors have another shape: {"; ".join(wrong[:FIRST])}; name with '
            '--config a config whose model has these sizes (max_seq_len, hidden_size, channels)')


def convert_file(source: Path, target: Path, name: str = 'siga_r', config: str | None = None,
                 characters: str | None = None) -> OrderedDict[str, Tensor]:
    """Convert a checkpoint file; returns the state dict written.

    ``config`` is another one than the variant's, for another dictionary; ``characters`` are the
    reference's classes 1, 2, ..., if not the variant's. MismatchError if the checkpoint is not of
    this variant, or of another dictionary.
    """
    variant = VARIANTS[name]
    characters = variant.characters if characters is None else characters
    weights = read_reference(source)
    check_classes(weights, variant, characters)
    cfg = read_config(config or ROOT / variant.config)
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    model = MODELS.build(cfg.model).eval()
    converted = convert(weights, variant, model, characters)
    if not any(key.startswith(HEAD) for key in converted):
        model.glyph_head = None
    model.load_state_dict(converted)
    meta = dict(mmocr_siga_version=mmocr_siga.__version__, converted_from=name)
    torch.save(dict(meta=meta, state_dict=converted), target)
    return converted


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', type=Path, metavar='IN')
    parser.add_argument('target', type=Path, metavar='OUT')
    parser.add_argument('--variant', choices=sorted(VARIANTS), default='siga_r')
    parser.add_argument('--config', help="config to convert for; default: the variant's")
    parser.add_argument('--characters', help="the checkpoint's classes 1, 2, ... as one string; "
                        'class 0 is the end; default: a to z, 1 to 9, 0')
    args = parser.parse_args(argv)
    try:
        converted = convert_file(args.source, args.target, args.variant, args.config,
                                 args.characters)
    except (MismatchError, OSError, RuntimeError, pickle.UnpicklingError) as error:
        print(f'{args.source}: not converted: {error}', file=sys.stderr)
        return 1
    head = sum(key.startswith(HEAD) for key in converted)
    dropped = ', '.join(VARIANTS[args.variant].dropped)
    print(f'{args.target}: {len(converted)} tensors, {head} of them of the training head; '
          f'training only and dropped: {dropped}')
    return 0


if __name__ == '__main__':
    run_tool(main)
