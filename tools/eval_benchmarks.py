"""Word accuracy and speed of a recogniser over benchmark sets, in one table.

    python tools/eval_benchmarks.py configs/siga_r31.py siga_r31.pth --data-root data
    python tools/eval_benchmarks.py configs/siga_r31.py siga_r31.pth --form lmdb --available
    python tools/eval_benchmarks.py configs/siga_tiny.py siga_tiny.pth --real-words
    python tools/eval_benchmarks.py configs/siga_tiny.py siga_tiny.pth \\
        --sets IIIT5K mine=data/mine/test.tsv --predictions read.tsv --wrong wrong.png
    python tools/eval_benchmarks.py mmocr::textrecog/crnn/crnn_mini-vgg_5e_mj.py crnn.pth
    python tools/eval_benchmarks.py mmocr_siga/weights/siga_tiny_words.py \\
        mmocr_siga/weights/siga_tiny_words.pth --real-words --second-look 0.6

The config may be any of MMOCR's text recognition configs. The table is printed and written, with
what is needed to understand it, to results.json and results.md. See docs/benchmarks.md.
"""
from __future__ import annotations

import argparse
import json
import logging
import os
import pickle
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

import mmocr_siga
from mmocr_siga.apis import WordInferencer
from mmocr_siga.datasets.formats.file_backend import NonEmptyBackend
from mmocr_siga.datasets.formats.word_files import FORMS, words_config
from mmocr_siga.datasets.wrappers.available_datasets import missing_sources
from mmocr_siga.evaluation import BenchmarkReport, SetResult, read_words
from mmocr_siga.models.utils.weights import load_weights
from mmocr_siga.text.protocol import PROTOCOLS
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

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / 'configs' / '_base_' / 'datasets' / 'benchmarks.py'
REAL_WORDS = ROOT / 'configs' / '_base_' / 'datasets' / 'real_words.py'
# What a wrong file or option ends in; anything else is a fault of the program.
EXPECTED = (ValueError, OSError, ImportError, RuntimeError, pickle.UnpicklingError)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('config', help='config, or package::config')
    add('weights', help='checkpoint')
    add('--sets', nargs='+', default=[], metavar='SET',
        help='names of benchmark sets, common (the six of the usual tables), all, NAME=PATH or a '
        f'path: {FORMS}. Default: common, with --available all')
    add('--real-words', nargs='?', const='', metavar='ROOT',
        help='the validation splits under ROOT/real (default $SIGA_DATA or ../shared/data)')
    add('--data-root', help='where the benchmark sets lie (default $SIGA_BENCHMARKS or data)')
    add('--form', choices=('json', 'lmdb'),
        help='form of the benchmark sets (default $SIGA_BENCHMARK_FORM or json)')
    add('--available', action='store_true', help='use the sets that are there, skip the others')
    add('--protocol', choices=sorted(PROTOCOLS), default='36',
        help='what counts as read: 36 ignores case and symbols, 62 symbols, 94 nothing (default '
        '%(default)s)')
    add('--batch-size', type=int, default=64, help='default: %(default)s')
    add('--workers', type=int, help='processes that load images (default: 0 on a CPU, else 4)')
    add('--device', help='default: cuda if there is one, else cpu')
    add('--second-look', type=float, default=0.0, metavar='P', help='read as WordInferencer does, '
        'words of a smaller probability than P again from other sides; its time is then with the '
        'loading of files (default: every word once)')
    add('--limit', type=int, help='read only so many words of each set, to try things out')
    add('--out', type=Path, help='folder of results.json and results.md (default '
        'work_dirs/eval/<config>-<weights>)')
    add('--predictions', type=Path, metavar='FILE.tsv', help='write every word with its reading')
    add('--wrong', type=Path, metavar='FILE.png', help='draw the words that were read wrongly')
    add('--wrong-limit', type=int, default=200, help='draw at most so many (default %(default)s)')
    add('--cfg-options', nargs='+', action=DictAction, help='changes to the config, key=value')
    args = parser.parse_args(argv)
    for name in ('batch_size', 'limit', 'wrong_limit'):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            parser.error(f'--{name.replace("_", "-")} must be at least 1')
    if args.workers is not None and args.workers < 0:
        parser.error('--workers must not be negative')
    return args


def load_config(path: str, options: dict | None = None) -> Config:
    """Load a config from a file, or from a package by ``package::path``.

    Args:
        path (str): The config.
        options (dict, optional): Changes to it. Defaults to None.

    Returns:
        Config: The config.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it describes no model.
    """
    if '::' not in path and not Path(path).is_file():
        raise FileNotFoundError(f'no config at {path!r}')
    try:
        cfg = (Config.fromstring(f'_base_ = {path!r}', '.py') if '::' in path else
               Config.fromfile(path))
    except (SyntaxError, NameError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'{path} cannot be read as a config: {error}') from error
    if options:
        cfg.merge_from_dict(options)
    if 'model' not in cfg:
        raise ValueError(f'{path} describes no model')
    return cfg


def test_pipeline(cfg: Config) -> list[dict]:
    """The test pipeline of a config, able to read files as well as databases.

    Args:
        cfg (Config): A config of MMOCR.

    Returns:
        list[dict]: The transforms.

    Raises:
        ValueError: If the config has none.
    """
    pipeline = _find_pipeline(cfg.get('test_dataloader')) or cfg.get('test_pipeline')
    if not pipeline:
        raise ValueError(f'{cfg.filename or "the config"} has no test pipeline: expected '
                         'test_dataloader.dataset.pipeline or test_pipeline')
    out = []
    for transform in pipeline:
        transform = dict(transform)
        if transform['type'] == 'LoadImageFromFile' and not transform.get('backend_args'):
            transform.pop('file_client_args', None)
            # Reads entries of LMDB databases too, and names what is missing or empty.
            transform.update(backend_args=dict(backend='nonempty'), ignore_empty=False)
        out.append(transform)
    return out


def _find_pipeline(node: dict | list | None) -> list[dict] | None:
    """The first pipeline in a tree of data loaders and data sets."""
    if isinstance(node, (list, tuple)):
        return next((found for child in node if (found := _find_pipeline(child))), None)
    if not isinstance(node, dict):
        return None
    if node.get('pipeline'):
        return node['pipeline']
    children = node.get('datasets', node.get('dataset'))
    if isinstance(children, dict) and not {'type', 'pipeline'} & children.keys():
        children = list(children.values())
    return _find_pipeline(children)


def known_sets(args: argparse.Namespace) -> tuple[dict[str, dict], list[str]]:
    """Configs of all benchmark sets by name, and the names of the common ones."""
    if args.data_root is not None:
        os.environ['SIGA_BENCHMARKS'] = args.data_root
    if args.form is not None:
        os.environ['SIGA_BENCHMARK_FORM'] = args.form
    cfg = Config.fromfile(str(BENCHMARKS))
    return dict(cfg.all_test_sets), list(cfg.benchmark_test_sets)


def real_word_sets(root: str) -> dict[str, dict]:
    """Configs of the validation splits of real words by name."""
    if root:
        os.environ['SIGA_DATA'] = root
    cfg = Config.fromfile(str(REAL_WORDS))
    return {f'{name} val': config for name, config in cfg.real_words_val.datasets.items()}


def chosen_sets(args: argparse.Namespace) -> tuple[dict[str, dict], dict[str, str]]:
    """The sets that the command line asks for.

    Args:
        args (Namespace): Command line.

    Returns:
        tuple: Configs of those that are there, and what was looked for in vain, by name.

    Raises:
        ValueError: If a set is unknown or named twice.
        FileNotFoundError: If one is missing without ``--available``, or all are.
    """
    known, common = known_sets(args)
    asked = list(args.sets)
    if not asked and args.real_words is None:
        asked = ['all' if args.available else 'common']
    pairs: list[tuple[str, dict | str]] = []
    for entry in asked:
        if entry in ('all', 'common'):
            pairs += [(name, known[name]) for name in (known if entry == 'all' else common)]
        else:
            pairs.append(_set_of(entry, known))
    if args.real_words is not None:
        pairs += real_word_sets(args.real_words).items()
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
    by_lower = {name.lower(): name for name in known}
    if entry.lower() in by_lower:
        name = by_lower[entry.lower()]
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
        # Serialised annotations save memory where several processes hold them; it takes time.
        dataset = DATASETS.build(dict(config, pipeline=pipeline, test_mode=True,
                                      serialize_data=workers > 0))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'the set {name} cannot be read: {error}') from error
    if limit is not None and limit < len(dataset):
        dataset.get_subset_(limit)
    return dataset


def build_model(cfg: Config, weights: str, device: str) -> BaseModel:
    """Build the recogniser of a config, with weights, on a device, ready to read."""
    if device.startswith('cuda') and not torch.cuda.is_available():
        raise ValueError(f'--device {device}: no CUDA device is available here')
    try:
        model = MODELS.build(cfg.model)
    except (KeyError, TypeError, AssertionError, AttributeError) as error:
        raise ValueError(f'the model of {cfg.filename} cannot be built: {error}') from error
    load_weights(model, weights)
    model.cfg = cfg
    return model.to(device).eval()


class SecondLookReader(BaseModel):
    """WordInferencer as a recogniser of MMOCR; takes the files of samples, not their inputs.

    Args:
        cfg (Config): Of the recogniser.
        weights (str): Its checkpoint.
        device (str): Where it runs.
        second_look (float): Probability below which a word is read again.
    """

    def __init__(self, cfg: Config, weights: str, device: str, second_look: float) -> None:
        super().__init__()
        self.read = WordInferencer(cfg, weights, device, second_look=second_look)
        self.model = self.read.model
        self.backend = NonEmptyBackend()

    def forward(self, inputs: Sequence[torch.Tensor], data_samples: Sequence[TextRecogDataSample],
                mode: str = 'predict') -> Sequence[TextRecogDataSample]:
        """Fill in ``pred_text``."""
        words = [self.backend.get(sample.img_path) for sample in data_samples]
        readings = self.read(words, len(words), return_char_boxes=False, progress=False)
        for sample, reading in zip(data_samples, readings):
            sample.pred_text = LabelData(item=reading.text, score=reading.char_scores)
        return data_samples

    def test_step(self, data: dict) -> Sequence[TextRecogDataSample]:
        """Read a batch."""
        return self(**data)


class Progress:
    """One line that tells how far the reading of a set is."""

    def __init__(self, name: str) -> None:
        self.name, self.shown = name, 0.0

    def __call__(self, done: int, total: int) -> None:
        """Show it, twice a second at most; in a file only when the set is done."""
        now, terminal = time.monotonic(), sys.stderr.isatty()
        if done < total and (not terminal or now - self.shown < 0.5):
            return
        self.shown = now
        print(f'{self.name:20} [{"#" * (30 * done // total):30}] {done:,}/{total:,}',
              end='\r' if done < total else '\n', file=sys.stderr, flush=True)


def write_predictions(path: Path, results: Sequence[SetResult]) -> None:
    """Write every word: set, image, label, reading, right, score and 1 - NED, tab-separated."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w', encoding='utf-8', newline='\n') as file:
        file.write('set\timage\tlabel\treading\tright\tscore\tone_minus_ned\n')
        for result in results:
            for r in result.readings:
                # Labels may hold tabs and line ends.
                label, text = (t.encode('unicode_escape').decode() if set(t) & set('\t\r\n') else t
                               for t in (r.label, r.text))
                score = '' if r.score is None else f'{r.score:.4f}'
                file.write(f'{result.name}\t{r.image}\t{label}\t{text}\t{int(r.right)}\t{score}\t'
                           f'{r.one_minus_ned:.4f}\n')


def draw_wrong(path: Path, results: Sequence[SetResult], limit: int) -> int:
    """Draw the words that were read wrongly, the most confident first.

    Args:
        path (Path): The picture to write.
        results (Sequence[SetResult]): Results of all sets.
        limit (int): Most words drawn.

    Returns:
        int: Number of words drawn; no picture is written for none.

    Raises:
        OSError: If the picture cannot be written.
    """
    wrong = [(result.name, r) for result in results for r in result.readings if not r.right]
    # Sure and wrong is what tells most: a wrong label, or a blind spot.
    wrong = sorted(wrong, key=lambda item: -(item[1].score or 0))[:limit]
    if not wrong:
        return 0
    backend = NonEmptyBackend()
    words = [SheetWord(_decoded(backend.get(r.image)), r.label, r.text, name)
             for name, r in wrong]
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), draw_word_sheet(words)):
        raise OSError(f'cannot write {path}')
    return len(wrong)


def _decoded(content: bytes) -> np.ndarray | None:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def evaluate(args: argparse.Namespace) -> BenchmarkReport:
    """Read all the sets.

    Args:
        args (Namespace): Command line.

    Returns:
        BenchmarkReport: The results.

    Raises:
        ValueError: If the config, the weights or a set cannot be used.
        FileNotFoundError: If one of them is not there.
    """
    cfg = load_config(args.config, args.cfg_options)
    pipeline = test_pipeline(cfg)
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    sets, skipped = chosen_sets(args)
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    workers = args.workers if args.workers is not None else 4 * (not device.startswith('cpu'))
    model = (SecondLookReader(cfg, args.weights, device, args.second_look) if args.second_look
             else build_model(cfg, args.weights, device))
    results = []
    for name, config in sets.items():
        dataset = build_dataset(name, config, pipeline, args.limit, workers)
        results.append(read_words(model, dataset, name, args.protocol, args.batch_size, workers,
                                  warm_up=not results, progress=Progress(name)))
    threads = f', threads: {torch.get_num_threads()}' if device == 'cpu' else ''
    about = dict(config=args.config, weights=args.weights, device=device + threads,
                 batch_size=args.batch_size, mmocr_siga=mmocr_siga.__version__,
                 torch=torch.__version__)
    if args.second_look:
        about['second_look'] = args.second_look
    if args.limit:
        about['limit'] = f'only the first {args.limit} words of each set'
    return BenchmarkReport(results, args.protocol, skipped, about)


def quieten() -> None:
    """Keep what MMEngine tells about every variable and data set off the screen."""
    warnings.filterwarnings('ignore')
    MMLogger.get_instance('mmengine', log_level='WARNING')
    logging.getLogger().setLevel(logging.WARNING)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool.

    Returns:
        int: 0, or 2 after a clear message about what was wrong.
    """
    args = parse_args(argv)
    quieten()
    register_all_modules(init_default_scope=False)
    try:
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
            write_predictions(args.predictions, report.results)
            print(f'Every word: {args.predictions}')
        if args.wrong:
            drawn = draw_wrong(args.wrong, report.results, args.wrong_limit)
            print(f'{drawn} wrong words: {args.wrong}' if drawn else 'No word was read wrongly')
    except EXPECTED as error:
        print(f'eval_benchmarks: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
