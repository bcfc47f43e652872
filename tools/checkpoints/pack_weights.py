"""Make a packaged model of a trained checkpoint.

    python tools/checkpoints/pack_weights.py configs/siga_tiny.py \
        work_dirs/siga_tiny/iter_4500.pth siga_tiny_words --card card.json --check pictures/

Writes <name>.pth, tensors alone, without the training head, the optimizer and the logs, in half
precision; <name>.py, a config for reading; <name>.onnx, the graph for onnxruntime, which refers to
these weights; <name>.json, the model card; and, for characters that no dictionary of the package
has, <name>.txt. Then reads pictures by the checkpoint and by what was written: texts must be the
same, and no score may differ by more than --tolerance; nor by more than 0.001, or a box by more
than a pixel, between PyTorch and onnxruntime.

Text detectors are packed as well; of them the probabilities of the pixels are compared:

    python tools/checkpoints/pack_weights.py configs/textdet/dbnet_lcnetv4.py \
        work_dirs/dbnet_lcnetv4/iter_1500.pth dbnet_words \
        --card tools/checkpoints/dbnet_words.json --limit 6 --check scenes/
"""
from __future__ import annotations

import argparse
import copy
import json
import pprint
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmocr.apis import TextDetInferencer
from mmocr.registry import MODELS
from torch import Tensor

import mmocr_siga
from mmocr_siga.apis import ONNXWordReader, WordInferencer, WordResult, export_onnx
from mmocr_siga.cli import run_tool
from mmocr_siga.compat.checkpoint import load
from mmocr_siga.compat.configs import read_config
from mmocr_siga.compat.saving import whole_file
from mmocr_siga.compat.sums import sha256_of
from mmocr_siga.export.onnx_export import check_exportable, export_metadata, has_glyph_maps
from mmocr_siga.inference.inputs import expand, picture_of
from mmocr_siga.inference.packaged import WEIGHTS_FOLDER, PackagedModel, packaged_in
from mmocr_siga.inference.pipelines import mmocr_scope
from mmocr_siga.models.utils.weights import TRAINING_ONLY, weights_of
from mmocr_siga.rendering import build_renderer
from mmocr_siga.rendering.fonts import bundled_font_dir
from mmocr_siga.text.dictionary import DICT_FOLDER, read_characters, resolve_dict_file

FORMAT = 1
# What MMEngine writes about a run that says nothing about the machine.
META = ('experiment_name', 'epoch', 'iter', 'seed', 'time')

# Of scores, and of boxes in pixels: the same weights in float32, computed in another order.
SAME_SCORE, SAME_BOX = 1e-3, 1.0

PRETRAINED = Path('pretrained')
# What MMEngine replaces by the folder of the config when it reads it.
BESIDE = '{{ fileDirname }}'


class PackingError(ValueError):
    """The checkpoint cannot be packed."""


def reading_weights(checkpoint: Any, source: str, which: str = 'auto') -> dict[str, Tensor]:
    """The weights that reading needs, by their names.

    ``which`` is 'state_dict', 'ema_state_dict', or 'auto': ``ema_state_dict`` where there is one,
    unless it was written by MMEngine's ``EMAHook``, which exchanges the two when it saves, so that
    ``state_dict`` holds the averages already. ValueError if there are no such weights.
    """
    averaged = checkpoint.get('ema_state_dict') if isinstance(checkpoint, Mapping) else None
    if which == 'ema_state_dict' and averaged is None:
        raise PackingError(f'{source} holds no ema_state_dict')
    if averaged is not None:
        by_hook = 'steps' in averaged and any(name.startswith('module.') for name in averaged)
        if which == 'ema_state_dict' or which == 'auto' and not by_hook:
            averaged = {name: value for name, value in averaged.items() if name != 'steps'}
            checkpoint = dict(state_dict=averaged)
    weights = weights_of(checkpoint, source)
    return {name: value.detach().clone() for name, value in weights.items()
            if not name.startswith(TRAINING_ONLY) and not name.endswith('num_batches_tracked')}


def one_reader(cfg: Config, weights: Mapping[str, Tensor], reader: str | None
               ) -> tuple[Config, dict[str, Tensor]]:
    """Of a recognizer with a ``TwoReaderDecoder`` that with one of its readers, 'first' or
    'second', alone; PackingError if there is none such. None: as they are."""
    if reader is None:
        return cfg, dict(weights)
    decoder = cfg.model.decoder
    if decoder.type != 'TwoReaderDecoder':
        raise PackingError(f'a {decoder.type} has no {reader} reader')
    cfg = copy.deepcopy(cfg)
    # Plug-ins of training know the places of both readers.
    cfg.model = dict(unplugged(cfg.to_dict()['model']),
                     decoder=dict(decoder[reader], dictionary=decoder.dictionary))
    kept = {name: value for name, value in weights.items()
            if not name.startswith('decoder.') or name.startswith(f'decoder.{reader}.')}
    return cfg, {name.replace(f'decoder.{reader}.', 'decoder.', 1): value
                 for name, value in kept.items()}


def reading_config(cfg: Config) -> dict[str, Any]:
    """What a config says about reading, in plain containers.

    That is ``custom_imports``, ``default_scope``, ``model`` without the training head, plug-ins of
    training alone and what training starts from, ``test_dataloader`` with the pipeline alone, and
    the visualizer of MMOCR's inferencers.
    """
    plain = cfg.to_dict()
    model, pipeline = unplugged(plain['model']), plain['test_dataloader']['dataset']['pipeline']
    if 'glyph_head' in model:
        model['glyph_head'] = None
    model = without_start(model)
    visualizer = 'TextDetLocalVisualizer' if is_detector(cfg) else 'GlyphVisualizer'
    return dict(
        custom_imports=dict(imports=['mmocr_siga'], allow_failed_imports=False),
        default_scope='mmocr', model=model,
        test_dataloader=dict(dataset=dict(pipeline=pipeline)),
        visualizer=dict(type=visualizer, name='visualizer'))


def unplugged(model: dict[str, Any]) -> dict[str, Any]:
    """A model without its plug-ins, unless one of them takes part in reading."""
    with mmocr_scope():
        plugins = [MODELS.build(plugin) for plugin in (model.get('plugins') or {}).values()]
    if not plugins or any(plugin.feeds for plugin in plugins):
        return model
    plain = MODELS.get(model['type']).__bases__[-1].__name__
    return dict({key: value for key, value in model.items() if key not in ('plugins', 'hooks')},
                type=plain)


def without_start(config: Any) -> Any:
    """A config of a model without any ``init_cfg``: weights come from the file."""
    if isinstance(config, dict):
        return {key: without_start(value) for key, value in config.items() if key != 'init_cfg'}
    if isinstance(config, (list, tuple)):
        return type(config)(map(without_start, config))
    return config


def is_detector(cfg: Config) -> bool:
    """Whether a config is of a text detector, which has no dictionary."""
    return 'det_head' in cfg.model


def pack(config: Path, checkpoint: Path, name: str, folder: Path, *, dtype: str = 'float16',
         which: str = 'auto', reader: str | None = None,
         about: Mapping[str, Any] | None = None) -> PackagedModel:
    """Write the files of a packaged model; ``about`` is its provenance, for the card.

    PackingError if a weight does not fit the dtype.
    """
    held = load(checkpoint, 'cpu')
    cfg, weights = one_reader(read_config(config),
                              reading_weights(held, str(checkpoint), which), reader)
    model = packaged_in(folder, name)
    out = dict(reading_config(cfg), load_from=f'{BESIDE}/{model.weights.name}')
    if 'plugins' not in out['model']:
        weights = {key: value for key, value in weights.items() if not key.startswith('plugins.')}
    kept = _converted(weights, getattr(torch, dtype))
    folder.mkdir(parents=True, exist_ok=True)
    model.graph.unlink(missing_ok=True)  # it is of other weights
    with whole_file(model.weights, 'wb') as file:
        torch.save(dict(state_dict=kept), file)
    reads = {} if is_detector(cfg) else dict(
        characters=_packed_dictionary(out['model'], model), input_size=_input_size(cfg))
    meta = held.get('meta') if isinstance(held, Mapping) else None
    _write_config(model, out)
    _write_card(model, dict(
        name=name, format=FORMAT, package_version=mmocr_siga.__version__,
        **reads, parameters=sum(value.numel() for value in weights.values()),
        weights=dict(file=model.weights.name, bytes=model.weights.stat().st_size,
                     sha256=sha256_of(model.weights), dtype=dtype),
        source=dict(
            config=config.name, checkpoint_sha256=sha256_of(checkpoint),
            **{key: meta[key] for key in META if isinstance(meta, Mapping) and key in meta}),
        provenance=dict(about or {})))
    return model


def add_graph(model: PackagedModel, pictures: Sequence[Any]) -> dict[str, float] | None:
    """Write the graph of a packaged model, enter it into the card, and read pictures with it: the
    greatest gaps between PyTorch and onnxruntime; None, and why, where there can be no graph.

    PackingError if a text differs, or a score or box by more than it may.
    """
    reader = WordInferencer(model.config, device='cpu', optimize=False, tta=0)
    recognizer = reader.model
    try:
        if recognizer.with_preprocessor:
            raise TypeError('it tells no places in words that a preprocessor straightens')
        check_exportable(recognizer)
        steps = export_metadata(recognizer, dynamic_width=True)['preprocessing']['steps']
    except (TypeError, ValueError) as error:
        print(f'{model.config}: no graph for onnxruntime: {error}', file=sys.stderr)
        return None
    wide = len(steps) == 2 and not (steps[0]['max_width'] or np.inf) <= steps[1]['width']
    export_onnx(recognizer, model.graph, glyph_maps=has_glyph_maps(recognizer),
                dynamic_width=wide, name=model.graph.stem, weights=model.weights)
    _write_card(model, dict(model.card, graph=dict(
        file=model.graph.name, bytes=model.graph.stat().st_size, sha256=sha256_of(model.graph))))
    results = (read(pictures, progress=False)
               for read in (reader, ONNXWordReader(model.config, tta=0)))
    scores, boxes = gaps_between(*results, names=('PyTorch', 'onnxruntime'))
    if max(scores) > SAME_SCORE or max(boxes) > SAME_BOX:
        raise PackingError(f'between PyTorch and onnxruntime a score differs by {max(scores):.2g}, '
                           f'a box by {max(boxes):.2g} pixels')
    return dict(score=max(scores), box=max(boxes))


def _converted(weights: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    out = {}
    for name, value in weights.items():
        # Vectors, such as the statistics of normalizations, are small and matter most.
        out[name] = value.to(dtype) if value.is_floating_point() and value.dim() > 1 else value
        if not torch.isfinite(out[name]).all():
            raise PackingError(f'{name} holds values that {dtype} cannot: try --dtype float32')
    return out


def _packed_dictionary(model: dict[str, Any], packed: PackagedModel) -> str:
    """Let the config name a dictionary that is found anywhere; returns the characters."""
    dictionary = model['decoder']['dictionary']
    path = Path(resolve_dict_file(dictionary['dict_file']))
    text = path.read_text(encoding='utf-8')
    own = packed.config.with_suffix('.txt')
    shipped = [known for known in sorted(DICT_FOLDER.glob('*.txt'))
               if read_characters(known) == read_characters(path)]
    if shipped:
        dictionary['dict_file'] = shipped[0].name
        own.unlink(missing_ok=True)
    else:
        shutil.copyfile(path, own)
        dictionary['dict_file'] = f'{BESIDE}/{own.name}'
    return ''.join(line.strip('\r\n') for line in text.split('\n'))


def _input_size(cfg: Config) -> list[int] | None:
    """Width and height that the pipeline resizes to, where it does."""
    pipeline = cfg.test_dataloader.dataset.pipeline
    return next((list(t['scale']) for t in pipeline if t['type'] == 'Resize'), None)


def _write_config(model: PackagedModel, values: dict[str, Any]) -> None:
    """As Python: some components tell tuples from lists, which JSON does not."""
    lines = [f'{key} = {pprint.pformat(value, width=95, sort_dicts=False)}\n'
             for key, value in values.items()]
    model.config.write_text(
        '# Written by tools/checkpoints/pack_weights.py.\n' + ''.join(lines), encoding='utf-8')


def _write_card(model: PackagedModel, card: dict[str, Any]) -> None:
    text = json.dumps(card, indent=1, ensure_ascii=False) + '\n'
    model.card_file.write_text(text, encoding='utf-8')


def pretrained(config: Path, folder: str) -> Path:
    """A checkpoint of what training starts from."""
    cfg, path = Config.fromfile(config), Path(folder, 'pretrained.pth')
    with mmocr_scope():
        model = MODELS.build(cfg.model)
    model.init_weights()
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def compare(config: Path, checkpoint: Path, which: str, reader: str | None, model: PackagedModel,
            pictures: Sequence[Any]) -> tuple[int, float]:
    """Read pictures by a checkpoint and by what was packed, or find text in them: number, greatest
    gap of scores."""
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder, 'full.pth')
        weights = reading_weights(load(checkpoint, 'cpu'), str(checkpoint), which)
        cfg, weights = one_reader(Config.fromfile(config), weights, reader)
        torch.save(dict(state_dict=weights), full)
        if is_detector(cfg):
            maps = (text_maps(*files, pictures)
                    for files in ((config, full), (model.config, model.weights)))
            gaps = [float(np.abs(one - two).max()) for one, two in zip(*maps)]
            return len(gaps), max(gaps, default=0.0)
        before, after = (WordInferencer(*files, device='cpu', tta=0)(pictures, progress=False)
                         for files in ((cfg, full), (model.config, )))
    scores, _ = gaps_between(before, after, names=('the checkpoint', 'the packed model'))
    return len(scores), max(scores)


def gaps_between(before: Sequence[WordResult], after: Sequence[WordResult],
         names: tuple[str, str]) -> tuple[list[float], list[float]]:
    """The greatest gap of a score, and of a side of a box, in each picture that could be read.

    PackingError if two texts differ, or none could be read.
    """
    scores, boxes = [], []
    for number, (one, two) in enumerate(zip(before, after), 1):
        where = one.path or f'picture {number}'
        if one.error is not None:
            print(f'{where}: {one.error}', file=sys.stderr)
            continue
        if one.text != two.text:
            raise PackingError(f'{where} is read as {one.text!r} by {names[0]}, but as '
                               f'{two.text!r} by {names[1]}')
        found = np.abs(np.subtract(one.char_scores, two.char_scores))
        scores.append(max(abs(one.score - two.score), float(found.max(initial=0))))
        found = np.abs(np.subtract(one.char_boxes or [], two.char_boxes or []))
        boxes.append(float(found.max(initial=0)))
    if not scores:
        raise PackingError('none of the pictures could be read')
    return scores, boxes


@torch.no_grad()
def text_maps(config: Path, weights: Path, pictures: Sequence[Any]) -> Iterator[np.ndarray]:
    """What a detector takes the pixels of pictures for: probabilities (1, H, W)."""
    inferencer = TextDetInferencer(str(config), str(weights), 'cpu')
    images = [picture_of(source) for source in expand(pictures)]
    for _, batch in inferencer.preprocess(images, batch_size=1):
        data = inferencer.model.data_preprocessor(batch, False)
        yield inferencer.model(data['inputs'], data['data_samples'], mode='tensor').numpy()


def drawn_words() -> list[np.ndarray]:
    """A few words, for want of pictures."""
    renderer, _ = build_renderer(style='easy', fonts=[bundled_font_dir()])
    return [renderer(i).image for i in range(8)]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('config', type=Path)
    add('weights', type=Path, help='checkpoint of a training run, or "pretrained": what the config '
        'starts from')
    add('name', help='name of the model')
    add('--folder', type=Path, default=WEIGHTS_FOLDER, help='default: in the package')
    add('--card', type=Path, help='JSON with the provenance: data, steps, hardware, licence ...')
    add('--dtype', choices=('float16', 'float32'), default='float16', help='default: %(default)s')
    add('--which', choices=('auto', 'state_dict', 'ema_state_dict'), default='auto',
        help="default: averages where there are any, wherever MMEngine's EMAHook put them")
    add('--reader', choices=('first', 'second'), help='of two readers the one to pack')
    add('--check', nargs='+', metavar='PATH', help='pictures, folders or @lists to compare on; '
        'default: a few drawn words')
    add('--tolerance', type=float, default=0.05, help='of scores (default: %(default)s)')
    add('--limit', type=float, default=12.0, help='size in MB at most (default: %(default)s)')
    args = parser.parse_args(argv)
    for path in (args.config, args.weights, args.card):
        if path not in (None, PRETRAINED) and not path.is_file():
            parser.error(f'{str(path)!r} does not exist')
    if not args.name.isidentifier():
        parser.error(f'{args.name!r} is no name: use letters, digits and _')
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        return run(args, folder)


def run(args: argparse.Namespace, folder: str) -> int:
    if args.weights == PRETRAINED:
        args.weights = pretrained(args.config, folder)
    about = json.loads(args.card.read_text(encoding='utf-8')) if args.card else None
    model = pack(args.config, args.weights, args.name, args.folder, dtype=args.dtype,
                 which=args.which, reader=args.reader, about=about)
    pictures = args.check or drawn_words()
    count, difference = compare(args.config, args.weights, args.which, args.reader,
                                model, pictures)
    if difference > args.tolerance:
        raise PackingError(f'a score differs by {difference:.4f}: try --dtype float32')
    check = dict(pictures=count, greatest_difference_of_scores=difference)
    packed = read_config(model.config)
    # Of a model that edits words reading is the least.
    by_graph = (None if is_detector(packed) or packed.model.get('image_head') else
                add_graph(model, pictures))
    size = sum(file.stat().st_size for file in (model.weights, model.graph)
               if file.is_file()) / 1e6
    if size > args.limit:
        raise PackingError(f'{model.weights} has {size:.1f} MB, more than {args.limit:g}')
    if by_graph is not None:
        check['onnxruntime'] = by_graph
    card = dict(model.card, check=check)
    _write_card(model, card)
    characters = f', {len(card["characters"])} characters' if 'characters' in card else ''
    print(f'{model.weights}: {size:.2f} MB{characters}; {count} pictures read alike, scores differ '
          f'by {difference:.2g} at most')
    return 0


if __name__ == '__main__':
    run_tool(main)
