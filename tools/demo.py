"""Reads words and a scene, then learns what it cannot read yet, in a few minutes on a CPU.

    python tools/demo.py
    python tools/demo.py --work-dir work_dirs/demo

Draws words and a scene and what the packaged reader makes of them. Then trains that reader on with
a few hundred codes of a seven-segment display (configs/finetune.py), and tests it before and after
on codes that it never saw, by the commands of anyone: `mim train mmocr` and `mim test mmocr`.
"""
from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from mmocr_siga.apis import SceneInferencer, WordInferencer
from mmocr_siga.cli import run_tool
from mmocr_siga.compat.configs import read_config
from mmocr_siga.datasets.formats.writers import FolderWriter
from mmocr_siga.images import encode_picture
from mmocr_siga.inference.packaged import DEFAULT_MODEL, find_packaged, packaged_models
from mmocr_siga.rendering import FontLibrary, RenderedWord, RenderStyle, WordRenderer
from mmocr_siga.rendering.backgrounds import make_background
from mmocr_siga.rendering.fonts import built_in_faces, bundled_font_dir
from mmocr_siga.visualization import draw_scene

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs' / 'finetune.py'
# As displays write hexadecimal numbers: to readers of print A is 8 or R, b is 6, d is 8.
CHARSET = '0123456789AbCdEF'
LENGTHS = (4, 7)
WORDS = dict(train=400, val=200)
EXAMPLES = 8
SIGNS = ('Welcome', 'Coffee', 'OPEN', 'Bakery', 'Exit', 'Parking', '24')
# Left, top, width and height of the room that each has in the scene.
PLACES = ((30, 25, 260, 60), (340, 40, 260, 50), (40, 125, 220, 50), (310, 125, 300, 75),
          (40, 220, 180, 50), (250, 250, 220, 60), (510, 265, 100, 55))


class Listed:
    """Draws the texts of a list, in order."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = iter(texts)

    def draw(self, rng: np.random.Generator) -> str:
        return next(self.texts)


def has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16, so that it is faster; as Linux tells."""
    known = Path('/proc/cpuinfo')
    return known.is_file() and 'bf16' in known.read_text()


def signs() -> list[RenderedWord]:
    """Words in the plainest faces of matplotlib, which are on every machine."""
    characters = ''.join(sorted(set(''.join(SIGNS))))
    fonts = FontLibrary.discover(characters, [bundled_font_dir()]).plainest(6)
    style = RenderStyle.preset('medium', blur=0.0, low_resolution=0.0, neighbors=0.0)
    render = WordRenderer(fonts, Listed(SIGNS), style, seed=1)
    return [render(i) for i in range(len(SIGNS))]


def scene(words: Sequence[RenderedWord]) -> np.ndarray:
    """A wall with the words on it, uint8 BGR (360, 640, 3)."""
    import cv2
    rng = np.random.default_rng(0)
    wall = make_background(rng, (360, 640), np.array([120, 130, 140], np.float32), 1.0, [])
    picture = np.clip(wall, 0, 255).astype(np.uint8)
    for word, (left, top, *room) in zip(words, PLACES):
        size = np.array(word.image.shape[1::-1])
        width, height = (size * (room / size).min()).astype(int)
        picture[top:top + height, left:left + width] = cv2.resize(
            word.image, (int(width), int(height)), interpolation=cv2.INTER_AREA)
    return picture


def write_picture(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_picture(picture, '.png'))


def read_words(read: WordInferencer, words: Sequence[RenderedWord], folder: Path) -> None:
    """Print and draw what a reader makes of words."""
    for word, result in zip(words, read([word.image for word in words], progress=False)):
        path = folder / f'{word.text}.png'
        write_picture(path, read.draw(word.image))
        print(f'      {word.text:10} read as {result.text or "(nothing)":10} '
              f'score {result.score:4.2f}  {path}')


def read_scene(read: WordInferencer, picture: np.ndarray, path: Path) -> None:
    """Find and read the words of a picture, where the package brings a detector."""
    if 'dbnet_words' not in packaged_models():
        return
    result, = SceneInferencer(rec=read)(picture)
    write_picture(path, draw_scene(picture, result.words, result.skipped))
    print(f'      scene      read as {" ".join(word.text for word in result.words)}  {path}')


def draw_labels(count: int, seed: int) -> list[str]:
    """Distinct codes of :data:`LENGTHS` characters."""
    rng = np.random.default_rng(seed)
    labels: dict[str, None] = {}
    while len(labels) < count:
        length = int(rng.integers(*LENGTHS, endpoint=True))
        labels[''.join(CHARSET[k] for k in rng.integers(0, len(CHARSET), length))] = None
    return list(labels)


def make_codes(folder: Path) -> list[RenderedWord]:
    """Write ``train.tsv`` and ``val.tsv`` with their images, by faces that are drawn by rule.

    Gives the words of the latter, none of which is spelt like a word of the former.
    """
    faces = [face for face in built_in_faces(CHARSET) if 'segments' in face.path]
    fonts, labels = FontLibrary(faces, CHARSET), iter(draw_labels(sum(WORDS.values()), 0))
    for seed, (split, count) in enumerate(WORDS.items()):
        render = WordRenderer(fonts, Listed(labels), RenderStyle.preset('easy'), seed=seed)
        rendered = [render(i) for i in range(count)]
        with FolderWriter(folder, split) as writer:
            for word in rendered:
                writer.add(encode_picture(word.image), word.text)
    return rendered


def mim(command: str, work_dir: Path, folder: Path, *options: str) -> Iterator[str]:
    """Run ``mim train`` or ``mim test`` on :data:`CONFIG` as a user would: lines of its output.

    RuntimeError if it fails; the message names the log.
    """
    line = ['mim', command, 'mmocr', str(CONFIG), *options, '--work-dir', str(folder)]
    print(f'      SIGA_DATA={work_dir} ' + ' '.join(line), flush=True)
    paths = filter(None, [str(ROOT), os.environ.get('PYTHONPATH', '')])
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(paths), SIGA_DATA=str(work_dir.resolve()),
               PYTHONWARNINGS='ignore')
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f'mim_{command}.log'
    with open(log, 'w', encoding='utf-8') as file, subprocess.Popen(
            [sys.executable, '-m', *line], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=env, text=True, errors='replace') as process:
        for text in process.stdout:
            file.write(text)
            yield text
    if process.returncode != 0:
        raise RuntimeError(f'mim {command} failed with status {process.returncode}; see {log}')


def train(work_dir: Path) -> Path:
    """Train on, and show how far it is: the checkpoint."""
    folder = work_dir / 'finetune'
    for line in mim('train', work_dir, folder, *['--amp'] * has_bfloat16()):
        step = re.search(r'Iter\(train\) \[ *(\d+)/(\d+)\].*? loss: ([\d.]+)', line)
        if step:
            print('      step {} of {}, loss {:.2f}'.format(*step.groups()[:2], float(step[3])))
    return folder / f'iter_{read_config(CONFIG).max_iters}.pth'


def test(work_dir: Path, weights: Path, name: str) -> dict[str, float]:
    """Metrics of a test run."""
    folder = work_dir / name
    for _ in mim('test', work_dir, folder, '--checkpoint', str(weights)):
        pass
    return read_metrics(folder)


def read_metrics(folder: Path) -> dict[str, float]:
    """The metrics of the latest test under a folder; a FileNotFoundError if there are none."""
    files = sorted(folder.glob('*/*.json'), key=lambda p: p.stat().st_mtime)
    if not files:
        raise FileNotFoundError(f'no metrics under {str(folder)!r}')
    return json.loads(files[-1].read_text().splitlines()[-1])


def result_table(results: dict[str, dict[str, float]]) -> str:
    """Shares of what was read, in %, by name."""
    rows = [(label, *(f'{100 * metrics[f"recog/{key}"]:.1f} %' for metrics in results.values()))
            for label, key in (('word accuracy', 'word_acc_ignore_case_symbol'),
                               ('1 - NED', '1-N.E.D'))]
    return tabulate(rows, ['', *results], tablefmt='pretty', colalign=('left', 'right', 'right'))


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'),
                        help='default: %(default)s')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the demo; what is raised of it goes to :func:`.run_tool`."""
    work_dir = parse_args(argv).work_dir
    warnings.filterwarnings('ignore')
    start, packaged = time.monotonic(), find_packaged(DEFAULT_MODEL)
    pictures, data = work_dir / 'pictures', work_dir / 'my_words'
    print(f'[1/4] Reading with {DEFAULT_MODEL}, as it is installed')
    read, words = WordInferencer(), signs()
    read_words(read, words, pictures / 'words')
    read_scene(read, scene(words), pictures / 'scene.png')
    print(f'[2/4] Drawing codes of seven-segment displays, {WORDS["train"]} to learn from and '
          f'{WORDS["val"]} others to test on: {data}')
    shutil.rmtree(data, ignore_errors=True)
    unseen = make_codes(data)
    print('[3/4] Testing, training, testing')
    before = test(work_dir, packaged.weights, 'before')
    weights = train(work_dir)
    after = test(work_dir, weights, 'after')
    print(f'[4/4] {len(unseen)} codes, before and after')
    print(result_table(dict(before=before, after=after)))
    read_words(WordInferencer(CONFIG, weights), unseen[:EXAMPLES], pictures / 'codes')
    print(f'Done in {(time.monotonic() - start) / 60:.1f} minutes. Words, weights and pictures lie '
          f'in {work_dir}')


if __name__ == '__main__':
    run_tool(main)
