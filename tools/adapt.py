"""Trains a packaged reader on with a handful of labelled words of one kind, in minutes on a CPU.

    python tools/adapt.py my_words/
    python tools/adapt.py my_words/ --model siga_tiny_words --out adapted --steps 120
    python -m mmocr_siga read photos/ --model adapted/my_words.py

WORDS is a folder with labels.tsv (path<TAB>label), train.tsv or a text file beside each picture, or
a .tsv, .json, .jsonl or LMDB. A tenth of the words is held out: the training stops when the loss on
them no longer falls, and the weights are the mean of those of its lowest and of the reader's own,
which forgets less than the former. Training is that of configs/finetune.py. Writes a packaged
model, <name>.py with weights, card and graph for onnxruntime, which `read` takes; and prints how
many of the held-out words are read before and after. What cannot be used is told, counted and left
out; where nothing was gained, nothing is written, and the exit code is 1.
"""
from __future__ import annotations

import argparse
import os
import random
import re
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import torch
from checkpoints import pack_weights
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from mmocr.registry import TASK_UTILS
from torch import Tensor

from mmocr_siga.apis import WordInferencer
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.compat.configs import read_config
from mmocr_siga.datasets.formats.records import open_source
from mmocr_siga.datasets.formats.writers import FolderWriter
from mmocr_siga.images import decode_picture
from mmocr_siga.inference.context import labelled_words
from mmocr_siga.inference.inputs import reason_of
from mmocr_siga.inference.packaged import DEFAULT_MODEL, PackagedModel, packaged_of
from mmocr_siga.inference.pipelines import mmocr_scope
from mmocr_siga.text.label_rule import LabelRule

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs' / 'finetune.py'
HELD_OUT = 0.1
EVERY = 5  # steps from one look at the held-out words to the next
PATIENCE = 4  # looks without a lower loss
SHOWN = 5


class LabelledWord(NamedTuple):
    name: str
    picture: bytes
    text: str


class Adapted(NamedTuple):
    """What came of a training; losses are the mean of the held-out words'."""
    weights: dict[str, Tensor]
    step: int  # half of them is of that step's; 0: all are the reader's own
    before: float
    after: float
    held_out: list[LabelledWord]
    seconds: float


def label_rule(files: PackagedModel) -> LabelRule:
    """How a packaged reader spells labels; unknown characters make a label useless."""
    decoder = read_config(files.config).model.decoder
    with mmocr_scope():
        return LabelRule(TASK_UTILS.build(decoder.dictionary), decoder.max_seq_len, unknown='skip')


def usable_words(source: Path, rule: LabelRule) -> tuple[list[LabelledWord], list[str]]:
    """The words that a reader can learn from, with its spelling of their labels, and what is wrong
    with each of the others; a ValueError if there are not two different labels."""
    words, problems, seen = [], [], 0
    for record in open_source(labelled_words(source)):
        seen += 1
        problem, picture = record.problem, b''
        if not problem:
            label, reason, _ = rule(record.text)
            unknown = ''.join(sorted(set(label) - rule.characters))
            problem = f'its label has {unknown!r}, which the reader does not know' if unknown else (
                reason or '')
        if not problem:
            try:
                picture = record.load()
                decode_picture(picture)
            except (OSError, ValueError) as error:
                problem = reason_of(error)
        if problem:
            problems.append(f'{record.name}: {problem}')
        else:
            words.append(LabelledWord(record.name, picture, label))
    if len({word.text for word in words}) < 2:
        found = (f'{len(words)} usable of {seen}' if not words else
                 f'{len(words)}, all labelled {words[0].text!r}')
        told = ''.join(f'\n  {problem}' for problem in problems[:SHOWN])
        raise ValueError(f'{source} must hold words of two labels at least, one to learn from and '
                         f'one to check by, but holds {found}{told}')
    return words, problems


def split(words: Sequence[LabelledWord], seed: int = 0
          ) -> tuple[list[LabelledWord], list[LabelledWord]]:
    """Words to learn from, and a tenth, at least one, with labels that none of them has."""
    labels = sorted({word.text for word in words})
    random.Random(seed).shuffle(labels)
    counts, held, total = Counter(word.text for word in words), set(), 0
    for label in labels[:-1]:
        if total and total + counts[label] > max(1, round(HELD_OUT * len(words))):
            continue
        held.add(label)
        total += counts[label]
    return ([word for word in words if word.text not in held],
            [word for word in words if word.text in held])


class HeldOutHook(Hook):
    """Watches the loss on held-out words, keeps the weights of its lowest, and ends the training
    when it has not fallen for long. At last comes the mean of these weights and the reader's own,
    which forgets less (Wortsman et al., CVPR 2022, arXiv 2109.01903)."""
    priority = 'LOWEST'

    def __init__(self, dataloader: Config) -> None:
        self.dataloader = dataloader

    def before_train(self, runner: Runner) -> None:
        self.words = list(Runner.build_dataloader(self.dataloader, seed=0))
        self.losses: dict[int, float] = {}
        self._look(runner, 0)
        self.own = self.weights

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: Any = None) -> None:
        step = batch_idx + 1
        if step % EVERY == 0 or step == runner.max_iters:
            self._look(runner, step)
            if step - self.step >= PATIENCE * EVERY:
                runner.train_loop.stop_training = True

    def after_train(self, runner: Runner) -> None:
        self.weights = {name: torch.lerp(own, self.weights[name], 0.5)
                        if own.is_floating_point() else own for name, own in self.own.items()}
        runner.model.load_state_dict(self.weights)
        self.before, self.after = self.losses[0], self._loss(runner.model)
        if self.after > self.before:
            self.step, self.weights, self.after = 0, self.own, self.before

    def _look(self, runner: Runner, step: int) -> None:
        self.losses[step] = self._loss(runner.model)
        if self.losses[step] <= min(self.losses.values()):
            self.step = step
            self.weights = {name: value.detach().cpu().clone()
                            for name, value in runner.model.state_dict().items()}

    @torch.no_grad()
    def _loss(self, model: torch.nn.Module) -> float:
        """Mean over the held-out words."""
        model.eval()
        losses = []
        for words in self.words:
            batch = model.data_preprocessor(words, True)
            losses.append(float(model.parse_losses(model(**batch, mode='loss'))[0]))
        model.train()
        return sum(losses) / len(losses)


def adapt(words: Sequence[LabelledWord], files: PackagedModel, steps: int = 60, seed: int = 0,
          device: str = 'cpu', changes: dict[str, Any] | None = None) -> Adapted:
    """Train a packaged reader on with words as of :func:`usable_words`; ``changes`` are those of
    ``configs/finetune.py``."""
    start = time.monotonic()
    learned, held_out = split(words, seed)
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(
            os.environ, SIGA_READER=os.fspath(files.config)):
        for name, part in (('train', learned), ('val', held_out)):
            with FolderWriter(folder, name, suffix='') as writer:
                for word in part:
                    writer.add(word.picture, word.text)
        cfg = read_config(CONFIG)
        loading = dict(num_workers=0, persistent_workers=False)
        cfg.merge_from_dict({
            'train_dataloader': dict(loading, dataset=dict(dataset=dict(data_root=folder))),
            'val_dataloader': dict(loading, dataset=dict(data_root=folder)),
            'train_cfg': dict(max_iters=steps, val_interval=10 * steps),
            'param_scheduler.0.total_steps': steps, 'randomness': dict(seed=seed),
            'default_hooks.checkpoint': None, 'log_level': 'ERROR', **(changes or {})})
        hook = HeldOutHook(cfg.val_dataloader)
        parts = {key: None for key in (f'{part}_{kind}' for part in ('val', 'test')
                                       for kind in ('dataloader', 'evaluator', 'cfg'))}
        with mock.patch.dict(os.environ, {} if device != 'cpu' else {'CUDA_VISIBLE_DEVICES': ''}):
            runner = Runner.from_cfg(Config(dict(
                cfg.to_dict(), **parts, work_dir=os.path.join(folder, 'work'),
                experiment_name=f'adapt_{time.time_ns()}', visualizer=None)))
            runner.register_hook(hook)
            runner.train()
    return Adapted(hook.weights, hook.step, hook.before, hook.after, held_out,
                   time.monotonic() - start)


def write(files: PackagedModel, adapted: Adapted, out: Path, name: str, graph: bool
          ) -> PackagedModel:
    """Pack the weights as a model that ``read`` takes by its config, with a graph for onnxruntime
    or without."""
    about = dict(trained_on=f'{files.config.stem}, adapted by tools/adapt.py')
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder, 'adapted.pth')
        torch.save(dict(state_dict=adapted.weights, meta=dict(iter=adapted.step)), checkpoint)
        model = pack_weights.pack(files.config, checkpoint, name, out, about=about)
    if graph:
        try:
            pack_weights.add_graph(model, [decode_picture(w.picture) for w in adapted.held_out])
        except pack_weights.PackingError as error:
            model.graph.unlink(missing_ok=True)
            print(f'no graph for onnxruntime, PyTorch reads: {error}', file=sys.stderr)
    return model


def words_right(model: str | os.PathLike, words: Sequence[LabelledWord]) -> int:
    results = WordInferencer(model, device='cpu', tta=0)(
        [word.picture for word in words], return_char_boxes=False, progress=False)
    return sum(result.text == word.text for result, word in zip(results, words))


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('words', type=Path, metavar='WORDS', help='labelled words')
    add('--model', default=DEFAULT_MODEL, help='packaged model, by name or by the path of its '
        'config (default: %(default)s)')
    add('--out', type=Path, default=Path('adapted'), help='folder (default: %(default)s)')
    add('--name', help='of what is written (default: that of WORDS)')
    add('--steps', type=positive, default=60, help='most steps, of 16 words (default: %(default)s)')
    add('--seed', type=int, default=0, help='default: %(default)s')
    add('--device', choices=('cpu', 'cuda'), default='cpu', help='default: %(default)s')
    add('--no-onnx', action='store_true', help='write no graph for onnxruntime')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; what is raised of it goes to :func:`.run_tool`."""
    args = parse_args(argv)
    name = args.name or re.sub(r'\W+', '_', args.words.resolve().stem)
    warnings.filterwarnings('ignore')
    MMLogger.get_instance('mmengine', log_level='ERROR')  # it tells about every variable
    files = packaged_of(args.model)
    if files is None:
        raise ValueError(f'{args.model} is the config of no packaged model: train on with it by '
                         'mim train, as docs/guides/finetuning.md tells')
    words, problems = usable_words(args.words, label_rule(files))
    for problem in problems[:SHOWN]:
        print(f'left out: {problem}', file=sys.stderr)
    print(f'{len(words)} words, {len(problems)} left out')
    adapted = adapt(words, files, args.steps, args.seed, args.device)
    held_out = adapted.held_out
    print(f'{adapted.seconds:.0f} s; loss on {len(held_out)} held-out words '
          f'{adapted.before:.3f} before, {adapted.after:.3f} after {adapted.step} steps')
    if adapted.step == 0:
        print('nothing was gained: the reader stays as it is, nothing is written', file=sys.stderr)
        return 1
    model = write(files, adapted, args.out, name, not args.no_onnx)
    right = [words_right(config, held_out) for config in (files.config, model.config)]
    print(f'{right[0]} of {len(held_out)} held-out words right before, {right[1]} after')
    print(f'python -m mmocr_siga read PICTURES --model {model.config}')
    return 0


if __name__ == '__main__':
    run_tool(main)
