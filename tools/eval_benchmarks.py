"""Word accuracy and speed of a recognizer over benchmark sets, in one table.

    python tools/eval_benchmarks.py configs/siga_r31.py siga_r31.pth --data-root data
    python tools/eval_benchmarks.py configs/siga_r31.py siga_r31.pth --form lmdb --available
    python tools/eval_benchmarks.py configs/siga_tiny.py siga_tiny.pth --real-words
    python tools/eval_benchmarks.py configs/siga_tiny.py siga_tiny.pth \\
        --sets IIIT5K mine=data/mine/test.tsv --predictions read.tsv --wrong wrong.png
    python tools/eval_benchmarks.py mmocr::textrecog/crnn/crnn_mini-vgg_5e_mj.py crnn.pth
    python tools/eval_benchmarks.py mmocr_siga/weights/siga_tiny_words.py \\
        mmocr_siga/weights/siga_tiny_words.pth --real-words --tta 0.6

The config may be any of MMOCR's text recognition configs. Words are counted as in a test run with
NamedDatasetsEvaluator. The table is printed and written, with what is needed to understand it, to
results.json and results.md. See docs/guides/benchmarks.md.
"""
from __future__ import annotations

import argparse
import json
import logging
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import cv2
import torch

import mmocr_siga
from mmocr_siga.apis import WordInferencer
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.datasets.formats.file_backend import NonEmptyBackend
from mmocr_siga.datasets.formats.records import FORMS, words_config
from mmocr_siga.datasets.wrappers.available_datasets import missing_sources
from mmocr_siga.evaluation import BenchmarkReport, read_sets
from mmocr_siga.images import decode_picture
from mmocr_siga.models.utils.weights import load_weights
from mmocr_siga.text.protocol import PROTOCOLS, one_minus_ned
from mmocr_siga.visualization import SheetWord, draw_word_sheet

from mmengine.config import Config, DictAction  # isort: skip
from mmengine.dataset import BaseDataset  # isort: skip
from mmengine.logging import MMLogger  # isort: skip
from mmengine.model import BaseModel  # isort: skip
from mmengine.registry import init_default_scope  # isort: skip
from mmengine.structures import LabelData  # isort: skip
from mmocr.registry import DATASETS, MODELS  # isort: skip
from mmocr.structures import TextRecogDataSample  # isort: skip
from mmocr.utils import register_all_modules  # isort: skip

SETS = Path(__file__).resolve().parents[1] / 'configs' / '_base_' / 'datasets'
# What a wrong file or option ends in; anything else is a fault of the program.


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('config', help='config, or package::config')
    add('weights', help='file of weights')
    add('--sets', nargs='+', default=[], metavar='SET',
        help='names of benchmark sets, common (the six of the usual tables), all, NAME=PATH or a '
        f'path: {FORMS}. Default: common, with --available all')
    add('--real-words', nargs='?', const='', metavar='ROOT',
        help='the validation splits under ROOT/real that configs/_base_/datasets/real_words.py '
        'names: 300 words in five sets (default: its root, $SIGA_DATA)')
    add('--data-root', help='where the benchmark sets lie (default $SIGA_DATA or data)')
    add('--form', choices=('json', 'lmdb'),
        help='form of the benchmark sets (default $SIGA_BENCHMARK_FORM or json)')
    add('--available', action='store_true', help='use the sets that are there, skip the others')
    add('--protocol', choices=sorted(PROTOCOLS), default='36',
        help='what counts as read: 36 ignores case and symbols, 62 symbols, 68 case, 94 nothing '
        '(default %(default)s)')
    add('--batch-size', type=positive, default=64, help='default: %(default)s')
    add('--workers', type=int, help='processes that load images (default: 0 on a CPU, else 4)')
    add('--device', help='default: cuda if there is one, else cpu')
    add('--tta', type=float, default=0.0, metavar='P', help='read as WordInferencer does with '
        'test-time augmentation, words of a smaller probability than P again from other views; its '
        'time is then with the loading of files (default: every word once)')
    add('--limit', type=positive, help='read only so many words of each set, to try things out')
    add('--out', type=Path, help='folder of results.json and results.md (default '
        'work_dirs/eval/<config>-<weights>)')
    add('--predictions', type=Path, metavar='FILE.tsv', help='write every word with its reading')
    add('--wrong', type=Path, metavar='FILE.png', help='draw the words that were read wrongly')
    add('--wrong-limit', type=positive, default=200,
        help='draw at most so many (default %(default)s)')
    add('--cfg-options', nargs='+', action=DictAction, help='changes to the config, key=value')
    args = parser.parse_args(argv)
    if args.workers is not None and args.workers < 0:
        parser.error('--workers must not be negative')
    return args


def load_config(path: str, options: dict | None = None) -> Config:
    """Load a config from a file, or from a package by ``package::path``."""
    if '::' not in path and not Path(path).is_file():
        raise FileNotFoundError(f'no config at {path!r}')
    try:
        cfg = (Config.fromstring(f'_base_ = {path!r}', '.py') if '::' in path else
               Config.fromfile(path))
    except (SyntaxError, NameError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'{path} cannot be read as a config: {error}') from error
    cfg.merge_from_dict(options or {})
    if 'model' not in cfg:
        raise ValueError(f'{path} describes no model')
    return cfg


def test_pipeline(cfg: Config) -> list[dict]:
    """The test pipeline of a config, able to read files as well as databases."""
    pipeline = _find_pipeline(cfg.get('test_dataloader')) or cfg.get('test_pipeline')
    if not pipeline:
        raise ValueError(f'{cfg.filename or "the config"} has no test pipeline: expected '
                         'test_dataloader.dataset.pipeline or test_pipeline')
    out = [dict(transform) for transform in pipeline]
    for transform in out:
        if transform['type'] == 'LoadImageFromFile' and not transform.get('backend_args'):
            transform.pop('file_client_args', None)
            # Reads entries of LMDB databases too, and names what is missing or empty.
            transform.update(backend_args=dict(backend='nonempty'), ignore_empty=False)
    return out


def _find_pipeline(node: dict | list | None) -> list[dict] | None:
    """The first pipeline in a tree of data loaders and data sets."""
    if isinstance(node, dict) and node.get('pipeline'):
        return node['pipeline']
    if isinstance(node, dict):
        node = list(node.values())
    children = node if isinstance(node, (list, tuple)) else ()
    return next((found for child in children if (found := _find_pipeline(child))), None)


def known_sets(args: argparse.Namespace) -> tuple[dict[str, dict], dict[str, list[str]]]:
    """Configs of all sets by name, and those that an option or a word of ``--sets`` stands for."""
    cfg = _config('benchmarks.py', SIGA_DATA=args.data_root, SIGA_BENCHMARK_FORM=args.form)
    real = _config('real_words.py', SIGA_DATA=args.real_words).real_words_val.datasets
    words = {f'{name} val': each for name, each in real.items()}
    groups = {'all': list(cfg.all_test_sets), 'common': list(cfg.benchmark_test_sets),
              '--real-words': list(words)}
    return dict(cfg.all_test_sets, **words), groups


def _config(name: str, **variables: str | None) -> Config:
    """A config of data sets, loaded with variables of the environment."""
    with mock.patch.dict(os.environ, {key: value for key, value in variables.items() if value}):
        return Config.fromfile(SETS / name)


def chosen_sets(args: argparse.Namespace) -> tuple[dict[str, dict], dict[str, str]]:
    """The sets that the command line asks for: configs of those that are there, and what was
    looked for in vain, by name."""
    known, groups = known_sets(args)
    asked = list(args.sets) + ['--real-words'] * (args.real_words is not None) or [
        'all' if args.available else 'common']
    pairs = [pair for entry in asked for pair in
             ([(name, known[name]) for name in groups[entry]] if entry in groups else
              [_set_of(entry, known)])]
    found, lost = {}, {}
    for name, config in pairs:
        if name in found or name in lost:
            raise ValueError(f'the set {name} is asked for twice; give other names by NAME=PATH')
        try:
            config = words_config(config) if isinstance(config, str) else config
            missing = missing_sources(config)
        except FileNotFoundError as error:
            missing = [str(error)]
        if missing:
            lost[name] = ', '.join(missing)
        else:
            found[name] = config
    listed = ''.join(f'\n  {name}: {path}' for name, path in lost.items())
    if lost and not (args.available and found):
        what = 'none of the sets is there' if not found else f'{len(lost)} sets are not there'
        raise FileNotFoundError(
            f'{what}. Looked for:{listed}\nCheck --data-root and --form'
            + (', or use what is there with --available' if found else ''))
    if lost:
        print(f'Not there and skipped, {len(lost)} of {len(lost) + len(found)} sets:{listed}')
    return found, lost


def _set_of(entry: str, known: dict[str, dict]) -> tuple[str, dict | str]:
    """Name, and config or path, of one value of ``--sets``."""
    for name in known:
        if name.lower() == entry.lower():
            return name, known[name]
    name, equals, path = entry.partition('=')
    if equals and name and path and not os.path.exists(entry):
        return name, path
    if os.path.exists(entry) or os.sep in entry:
        # val.tsv is a name that many have; its folder tells them apart.
        return '/'.join(Path(entry).absolute().with_suffix('').parts[-2:]), entry
    raise ValueError(f'unknown set {entry!r}: expected one of {", ".join(known)}, common, all, '
                     'NAME=PATH or the path of a file or database')


def build_dataset(name: str, config: dict, pipeline: list[dict], limit: int | None = None,
                  workers: int = 0) -> BaseDataset:
    """Build a set; what cannot be read is an error with its name."""
    try:
        # Serialized annotations save memory where several processes hold them; it takes time.
        dataset = DATASETS.build(dict(config, pipeline=pipeline, test_mode=True,
                                      serialize_data=workers > 0))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'the set {name} cannot be read: {error}') from error
    if limit is not None and limit < len(dataset):
        dataset.get_subset_(limit)
    return dataset


def build_model(cfg: Config, weights: str, device: str) -> BaseModel:
    """Build the recognizer of a config, with weights, on a device, ready to read."""
    if device.startswith('cuda') and not torch.cuda.is_available():
        raise ValueError(f'--device {device}: no CUDA device is available here')
    try:
        model = MODELS.build(cfg.model)
    except (KeyError, TypeError, AssertionError, AttributeError) as error:
        raise ValueError(f'the model of {cfg.filename} cannot be built: {error}') from error
    load_weights(model, weights)
    return model.to(device).eval()


class AugmentedReader:
    """WordInferencer in the place of a model; it takes the files of samples, not their inputs."""

    def __init__(self, cfg: Config, weights: str, device: str, tta: float) -> None:
        self.read = WordInferencer(cfg, weights, device, tta=tta)
        self.parameters = self.read.model.parameters
        self.backend = NonEmptyBackend()

    def test_step(self, data: dict) -> Sequence[TextRecogDataSample]:
        """Fill in ``pred_text``."""
        samples = data['data_samples']
        words = [self.backend.get(sample.img_path) for sample in samples]
        found = self.read(words, len(words), return_char_boxes=False, progress=False)
        for sample, word in zip(samples, found):
            sample.pred_text = LabelData(item=word.text, score=word.char_scores)
        return samples


def write_predictions(path: Path, report: BenchmarkReport) -> None:
    """Write every word: set, image, label, reading, right, score and 1 - NED, tab-separated."""
    lines = ['set\timage\tlabel\treading\tright\tscore\tone_minus_ned\n']
    for result in report.results:
        for p, right in zip(result.predictions, report.right(result)):
            # Labels may hold tabs and line ends.
            label, text = (t.encode('unicode_escape').decode() if set(t) & set('\t\r\n') else t
                           for t in (p.label, p.text))
            score = '' if p.score is None else f'{p.score:.4f}'
            ned = one_minus_ned(p.label, p.text, report.protocol)
            lines.append(f'{result.name}\t{p.image}\t{label}\t{text}\t{int(right)}\t{score}\t'
                         f'{ned:.4f}\n')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(''.join(lines).encode())


def draw_wrong(path: Path, report: BenchmarkReport, limit: int) -> int:
    """Draw the words that were read wrongly, the most confident first; none, no picture."""
    wrong = [(result.name, p) for result in report.results
             for p, right in zip(result.predictions, report.right(result)) if not right]
    # Sure and wrong is what tells most: a wrong label, or a blind spot.
    wrong = sorted(wrong, key=lambda item: -(item[1].score or 0))[:limit]
    if not wrong:
        return 0
    backend = NonEmptyBackend()
    words = [SheetWord(decode_picture(backend.get(p.image)), p.label, p.text, name)
             for name, p in wrong]
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), draw_word_sheet(words)):
        raise OSError(f'cannot write {path}')
    return len(wrong)


def evaluate(args: argparse.Namespace) -> BenchmarkReport:
    """Read all the sets."""
    cfg = load_config(args.config, args.cfg_options)
    pipeline = test_pipeline(cfg)
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    sets, skipped = chosen_sets(args)
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    workers = args.workers if args.workers is not None else 4 * (not device.startswith('cpu'))
    model = (AugmentedReader(cfg, args.weights, device, args.tta) if args.tta
             else build_model(cfg, args.weights, device))
    datasets = {name: build_dataset(name, config, pipeline, args.limit, workers)
                for name, config in sets.items()}
    results = read_sets(model, datasets, args.protocol, args.batch_size, workers)
    threads = f', threads: {torch.get_num_threads()}' if device == 'cpu' else ''
    about = dict(config=args.config, weights=args.weights, device=device + threads,
                 batch_size=args.batch_size, mmocr_siga=mmocr_siga.__version__,
                 torch=torch.__version__, tta=args.tta,
                 limit=args.limit and f'only the first {args.limit} words of each set')
    about = {name: value for name, value in about.items() if value}
    return BenchmarkReport(results, args.protocol, skipped, about)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    # MMEngine tells about every variable and data set.
    warnings.filterwarnings('ignore')
    MMLogger.get_instance('mmengine', log_level='WARNING')
    logging.getLogger().setLevel(logging.WARNING)
    register_all_modules(init_default_scope=False)
    report = evaluate(args)
    print('\n'.join(['', report.table(), '', *report.notes()]))
    out = args.out or Path('work_dirs') / 'eval' / (
        f'{Path(args.config).stem}-{Path(args.weights).stem}')
    out.mkdir(parents=True, exist_ok=True)
    (out / 'results.json').write_text(
        json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + '\n', encoding='utf-8')
    (out / 'results.md').write_text(report.markdown(), encoding='utf-8')
    print(f'Written: {out / "results.json"}, {out / "results.md"}')
    if args.predictions:
        write_predictions(args.predictions, report)
        print(f'Every word: {args.predictions}')
    if args.wrong:
        drawn = draw_wrong(args.wrong, report, args.wrong_limit)
        print(f'{drawn} wrong words: {args.wrong}' if drawn else 'No word was read wrongly')
    return 0


if __name__ == '__main__':
    run_tool(main)
