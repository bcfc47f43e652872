"""What a model that takes style and content apart is good for, on a CPU.

    python tools/experiments/disentangle.py removal --config configs/disentangled_tiny.py \\
        --weights work_dirs/disentangled_tiny/iter_8000.pth --out work_dirs/disentangle

`removal`: pictures without their text against the true board, beside OpenCV's Telea with the true
mask and with that of exact 2-means, and the color of the border. `editing`: pictures of one style
with another text against the rendered one, and what two readers that took no part in the training
make of them (PP-OCRv6 where rapidocr is there), beside a copy and Telea with the text drawn in that
of 40 faces, often among them the true one, that is most like the old text. `probes`: what a linear
classifier finds in features of words, of faces and texts that training had none of. `recognition`:
the 300 real validation words. `look`: real words, erased and rewritten, to be looked at. They need
scikit-learn: the extra `probes`.

Pictures are compared as the network has them, 32 x 128. Each experiment writes a table and sheets
into --out, and takes up to three minutes with 300 pairs on one core.
"""
from __future__ import annotations

import argparse
import copy
import json
import string
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmocr.registry import MODELS
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from tabulate import tabulate
from torch import Tensor

from mmocr_siga.apis import WordEditor, WordInferencer, load_reader
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.datasets.formats.records import open_source
from mmocr_siga.evaluation.image_fidelity import psnr, ssim
from mmocr_siga.images import decode_picture
from mmocr_siga.images.two_means import two_means_mask_image
from mmocr_siga.inference.editor import Tone, stretched, word_layers
from mmocr_siga.inference.pipelines import mmocr_scope
from mmocr_siga.models.recognizers.disentangled_recognizer import mask_boxes
from mmocr_siga.rendering import (
    FontLibrary,
    RenderedGroup,
    WordRenderer,
    build_renderer,
)
from mmocr_siga.rendering.plain import draw_plain_in_box, rewritten_box
from mmocr_siga.text.protocol import same_under
from mmocr_siga.visualization.word_sheet import SheetWord, draw_word_sheet

JUDGE = 'siga_tiny_words'
ROOT = Path(__file__).resolve().parents[2]
RIVAL_FACES = 40  # that are tried for the rival that draws
REACH = 2  # pixels around the ink that are painted over, as in editing
PROBED = dict(faces=20, words=60, tokens=8000)
ITERATIONS = 200  # of L-BFGS
BATCH = 32
OF_TRAINING = ('lexicon', 'backgrounds', 'charset', 'max_length', 'random_strings', 'punctuation')
# Kinds of pairs: recipe, and what is changed of its style.
KINDS = {
    'print': ('style_pairs', {}),
    'scene': ('style_pairs_scene', {}),
    'scene without JPEG': ('style_pairs_scene', dict(jpeg=0.0)),
}


@dataclass
class Pair:
    """Two words of one style, uint8 BGR (H, W, 3) each, in the size of the network."""
    images: list[np.ndarray]
    texts: list[str]
    masks: list[np.ndarray]  # bool (H, W), ink
    board: np.ndarray
    kind: str


class Network:
    """The model, and pictures for it."""

    def __init__(self, config: str, weights: str) -> None:
        self.words = WordInferencer(config, weights, 'cpu', workers=0, optimize=False, tta=0)
        self.model = self.words.model
        shape = self.words._prepared(np.zeros((40, 100, 3), np.uint8))[0]['inputs'].shape
        self.size = (shape[2], shape[1])

    def inputs(self, images: Sequence[np.ndarray]) -> Tensor:
        """Normalized, (N, 3, H, W)."""
        return self.stretched(images, lambda image: (image, None))[0]

    def stretched(self, images: Sequence[np.ndarray], how: Callable = stretched
                  ) -> tuple[Tensor, tuple[Tone, ...]]:
        """As the editor shows them to the model, normalized, and how they were stretched."""
        data = [self.words._prepared(image)[0] for image in images]
        shown, tones = zip(*(how(each['inputs']) for each in data))
        packed = dict(inputs=shown, data_samples=[each['data_samples'] for each in data])
        return self.model.data_preprocessor(packed, False)['inputs'], tones

    def picture(self, image: np.ndarray) -> np.ndarray:
        """In the size of the network, uint8 BGR."""
        shown = self.words._prepared(image)[0]['inputs']
        return np.ascontiguousarray(shown.permute(1, 2, 0).clamp(0, 255).byte().numpy())

    def bgr(self, images: Tensor, tones: Sequence[Tone]) -> np.ndarray:
        """(N, 3, H, W) in [0, 1] -> (N, H, W, 3) in [0, 255], as before they were stretched."""
        out = images.permute(0, 2, 3, 1).numpy() * 255
        rgb = getattr(self.model.data_preprocessor, '_channel_conversion', False)
        return np.stack([(image - offset) / gain for image, (gain, offset) in zip(
            out[..., ::-1] if rgb else out, tones)])


def pairs_of(args: argparse.Namespace, network: Network, kinds: Sequence[str],
             layout: str | None) -> Iterator[Pair]:
    """Pairs of held-out faces and words, as many of each kind."""
    for kind in kinds:
        recipe, changes = KINDS[kind]
        renderer = held_out_renderer(recipe, network, **changes)
        for number in range(args.pairs // len(kinds)):
            group = renderer.render_group((args.seed, number), 2, layout=layout)
            yield shrunk(group, network, kind)


def held_out_renderer(recipe: str, network: Network, **changes: Any) -> WordRenderer:
    """Faces and words that training had none of, with changes of the style; what words are made of
    and photographs are those of its config."""
    trained = network.words.cfg.get(recipe, {})
    renderer = copy.copy(_renderer(recipe, **{
        'random_strings': 0.0, **{name: trained[name] for name in OF_TRAINING if name in trained}}))
    renderer.style = replace(renderer.style, **changes)
    return renderer


@cache  # faces are looked for once
def _renderer(recipe: str, **options: Any) -> WordRenderer:
    return build_renderer(recipe, part='test', **options)[0]


def shrunk(group: RenderedGroup, network: Network, kind: str) -> Pair:
    masks = [cv2.resize((glyphs > 0).astype(np.float32), network.size,
                        interpolation=cv2.INTER_AREA) > 0.3 for glyphs in group.glyphs]
    return Pair([network.picture(image) for image in group.images], group.texts, masks,
                network.picture(group.background), kind)


def grown(mask: np.ndarray, reach: int = REACH) -> np.ndarray:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate(mask.astype(np.uint8), kernel)


def telea(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return cv2.inpaint(image, grown(mask), 3, cv2.INPAINT_TELEA)


def ink_of(image: np.ndarray) -> np.ndarray:
    """Exact 2-means, as somebody without the true mask has it."""
    return two_means_mask_image(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))


def border_color(image: np.ndarray) -> np.ndarray:
    """A plain picture of the median of its border."""
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return np.broadcast_to(np.median(border, 0).round().astype(np.uint8), image.shape)


@torch.no_grad()
def removal(args: argparse.Namespace, network: Network) -> None:
    """Every picture of every pair."""
    methods: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
        'copy': lambda image, mask: image,
        'border color': lambda image, mask: border_color(image),
        'Telea, 2-means mask': lambda image, mask: telea(image, ink_of(image)),
        'Telea, true mask': telea}
    rows, sheet = [], []
    for pairs in batches(pairs_of(args, network, list(KINDS), None)):
        images = [image for pair in pairs for image in pair.images[:1]]
        inputs, tones = network.stretched(images)
        drawn = network.model.erase(inputs)
        boards, sources = network.bgr(drawn.board, tones), drawn.source_mask[:, 0].numpy()
        for pair, board, source in zip(pairs, boards, sources):
            image, mask = pair.images[0], pair.masks[0]
            found = {name: method(image, mask) for name, method in methods.items()}
            found['network, whole board'] = rounded(board)
            found['network, laid over'] = laid_over(
                image, word_layers(board, source, picture=image))
            rows += [(pair.kind, name, *fidelity(out, pair.board, grown(mask, 1) > 0))
                     for name, out in found.items()]
            if len(sheet) < 12 * args.sheet:
                sheet += sheet_row(pair.kind, image, pair.board, found, pair.texts[0])
    report(args, 'removal', summary(rows, ('PSNR', 'SSIM', 'in-mask PSNR')), sheet)


@torch.no_grad()
def editing(args: argparse.Namespace, network: Network) -> None:
    """The first picture of every pair gets the text of the second, which is as wide."""
    faces = rival_faces(network, args.seed)
    rows, sheet, readings = [], [], {}
    for pairs in batches(pairs_of(args, network, ['print', 'scene'], 'fit')):
        inputs, tones = network.stretched([pair.images[0] for pair in pairs])
        texts = [pair.texts[1] for pair in pairs]
        boxes = [box_of(pair.masks[1]) for pair in pairs]
        drawn = {'network': network.model.edit(inputs, texts, as_wide(network, inputs, pairs)),
                 'network, true box': network.model.edit(inputs, texts, boxes)}
        for i, pair in enumerate(pairs):
            image, truth = pair.images
            changed = grown(pair.masks[0] | pair.masks[1], 1) > 0
            found = {'copy': image, 'erase and draw': erase_and_draw(image, pair.texts, faces)}
            for name, out in drawn.items():
                board, paint = (network.bgr(each[i:i + 1], tones[i:i + 1])[0]
                                for each in (out.board, out.paint))
                layers = word_layers(board, out.source_mask[i, 0].numpy(), paint,
                                     out.coverage[i, 0].numpy(), image)
                found[name] = laid_over(image, layers)
            rows += [(pair.kind, name, *fidelity(out, truth, changed))
                     for name, out in found.items()]
            for name, out in dict(found, truth=truth).items():
                readings.setdefault((pair.kind, name), []).append((out, texts[i]))
            if len(sheet) < 12 * args.sheet:
                sheet += sheet_row(pair.kind, image, truth, found, texts[i])
    table = summary(rows, ('PSNR', 'SSIM', 'in-mask PSNR'))
    for name, read in judges().items():
        for row in read_rows(readings, read):
            table.setdefault(row[:2], {})[f'read by {name} (%)'] = row[2]
    report(args, 'editing', table, sheet)


def as_wide(network: Network, inputs: Tensor, pairs: Sequence[Pair]) -> list[tuple[float, ...]]:
    """Boxes that the network would write in, but as wide as the old texts."""
    found = []
    for box, pair in zip(mask_boxes(network.model.erase(inputs).source_mask), pairs):
        _, top, _, bottom = rewritten_box(box, *pair.texts, pair.board.shape[:2])
        found.append((box[0], top, box[2], bottom))
    return found


def laid_over(image: np.ndarray, layers: Any) -> np.ndarray:
    """As :func:`.paste_word` does it with a whole picture of the network's size."""
    x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in image.shape[1::-1]))
    return layers.over(image, x, y, np.ones(x.shape, np.float32))


def rounded(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def box_of(mask: np.ndarray) -> tuple[float, ...]:
    return mask_boxes(torch.from_numpy(mask)[None, None].float())[0]


def fidelity(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> tuple[float, float, float]:
    return psnr(image, truth), ssim(image, truth), psnr(image, truth, mask)


def rival_faces(network: Network, seed: int) -> list[Any]:
    """Some of the faces that the pairs may have, drawn by chance."""
    faces = held_out_renderer('style_pairs', network).fonts.faces
    chosen = np.random.default_rng(seed).permutation(len(faces))[:RIVAL_FACES]
    return [faces[i] for i in chosen]


def erase_and_draw(image: np.ndarray, texts: Sequence[str], faces: Sequence[Any]) -> np.ndarray:
    """The rival: Telea, then the new text in the face whose old text is most like the ink."""
    ink = ink_of(image)
    out = telea(image, ink).astype(np.float32)
    if not ink.any():
        return rounded(out)
    color = np.median(image[ink], 0)
    box, able = box_of(ink), []
    for face in faces:
        if not all(map(face.can_write, texts)):
            continue
        old = draw_plain_in_box(ink.shape, box, texts[0], face)
        common = np.minimum(old, 255 * ink).sum() / max(np.maximum(old, 255 * ink).sum(), 1)
        able.append((common, len(able), face))
    if not able:
        return rounded(out)
    share = draw_plain_in_box(ink.shape, box, texts[1], max(able)[2])[..., None] / 255
    return rounded(share * color + (1 - share) * out)


def judges() -> dict[str, Callable[[Sequence[np.ndarray]], list[str]]]:
    """Readers that took no part in the training."""
    reader = load_reader(JUDGE, tta=0)
    found = {JUDGE: lambda images: [result.text for result in reader(
        list(images), return_char_boxes=False, progress=False)]}
    try:
        from rapidocr import RapidOCR
        engine = RapidOCR(params={'Global.log_level': 'error'})
    except ImportError as error:
        print(f'PP-OCRv6 does not read: {error}', file=sys.stderr)
        return found
    found['PP-OCRv6'] = lambda images: [
        (engine(image, use_det=False, use_cls=False).txts or [''])[0] for image in images]
    return found


def read_rows(readings: dict, read: Callable) -> Iterator[tuple[str, str, float]]:
    for (kind, name), words in readings.items():
        images, texts = zip(*words)
        yield kind, name, 100 * float(np.mean(list(map(same_under, texts, read(images)))))


def summary(rows: Sequence[tuple], names: Sequence[str]) -> dict[tuple[str, str], dict]:
    """Kind and method -> mean and median of each figure."""
    table: dict[tuple[str, str], dict] = {}
    for kind, method in dict.fromkeys(row[:2] for row in rows):
        values = np.array([row[2:] for row in rows if row[:2] == (kind, method)], np.float64)
        cells = table[kind, method] = dict(pictures=len(values))
        for name, column in zip(names, values.T):
            cells[name] = float(np.nanmean(column))
            if 'PSNR' in name:
                cells[f'{name}, median'] = float(np.nanmedian(column))
    return table


def sheet_row(kind: str, image: np.ndarray, truth: np.ndarray, found: dict[str, np.ndarray],
              text: str) -> list[SheetWord]:
    return [SheetWord(image, f'{kind}: {text}'), SheetWord(truth, 'truth'),
            *(SheetWord(out, name) for name, out in found.items())]


def batches(pairs: Iterator[Pair]) -> Iterator[list[Pair]]:
    held: list[Pair] = []
    for pair in pairs:
        held.append(pair)
        if len(held) == BATCH:
            yield held
            held = []
    if held:
        yield held


def report(args: argparse.Namespace, name: str, table: dict[tuple[str, str], dict],
           sheet: Sequence[SheetWord] = ()) -> None:
    """Write the table, as Markdown and JSON, and the sheet."""
    args.out.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(column for cells in table.values() for column in cells))
    lines = tabulate([[*key, *(cells.get(column) for column in columns)]
                      for key, cells in table.items()], ['', '', *columns], 'pipe', floatfmt='.2f')
    (args.out / f'{name}.md').write_text(lines + '\n', encoding='utf-8')
    (args.out / f'{name}.json').write_text(json.dumps(
        [dict(zip(('kind', 'method'), key), **cells) for key, cells in table.items()], indent=1))
    if sheet:
        width = next((i for i, word in enumerate(sheet[1:], 1) if word.label.count(': ')),
                     len(sheet))
        cv2.imwrite(str(args.out / f'{name}.png'), draw_word_sheet(sheet, width, (256, 64)))
    print(lines)


@torch.no_grad()
def probes(args: argparse.Namespace, network: Network) -> None:
    """Classifiers of frozen features; the words of a split's test are in none of its training."""
    words = list(probed_words(args, network))
    folds = np.array([sum(map(ord, word.text.casefold())) % 5 for word in words])
    features = features_of(network.model, network, words)
    torch.manual_seed(args.seed)
    with mmocr_scope():
        untrained = MODELS.build(network.words.cfg.model).eval()
    features.update({f'untrained {name}': value for name, value in features_of(
        untrained, network, words).items()})
    places, characters = characters_at(words, next(iter(features.values())).shape[2:], args.seed)
    rows: dict[tuple[str, str], dict] = {}
    for name, maps in features.items():
        pooled = torch.cat([maps.mean((2, 3)), maps.std((2, 3))], 1)
        found = {'face, of a word': classified(pooled, np.array([w.face for w in words]), folds)}
        if maps.shape[2:] == features['trunk'].shape[2:]:
            n, y, x = places.T
            found['character, at a place'] = classified(maps[n, :, y, x], characters, folds[n])
        found['characters there, of a word'] = present(pooled, [w.text for w in words], folds)
        for task, cells in found.items():
            rows[task, name] = cells
    report(args, 'probes', dict(sorted(rows.items(), key=lambda item: item[0][0])))


@dataclass
class ProbedWord:
    image: np.ndarray
    text: str
    glyphs: np.ndarray  # as of a RenderedWord
    face: int


def probed_words(args: argparse.Namespace, network: Network) -> Iterator[ProbedWord]:
    renderer = held_out_renderer('style_pairs', network)
    charset = frozenset(network.words.cfg.get('style_pairs', {}).get(
        'charset', string.ascii_letters + string.digits))
    faces = [face for face in renderer.fonts.faces if charset <= face.characters]
    order = np.random.default_rng(args.seed).permutation(len(faces))[:PROBED['faces']]
    for number, chosen in enumerate(order):
        renderer.fonts = FontLibrary([faces[chosen]], sorted(charset))
        for index in range(PROBED['words']):
            word = renderer.render((args.seed, number, index))
            yield ProbedWord(network.picture(word.image), word.text, word.glyphs, number)


def features_of(model: torch.nn.Module, network: Network,
                words: Sequence[ProbedWord]) -> dict[str, Tensor]:
    """Maps (N, D, h, w) before the split, of content and of style."""
    found: dict[str, list[Tensor]] = {}
    for start in range(0, len(words), BATCH):
        images = [word.image for word in words[start:start + BATCH]]
        features = model.features(network.inputs(images))
        for name, maps in (('trunk', features.trunk), ('content', features.content),
                           ('style', features.style_map)):
            found.setdefault(name, []).append(maps.float())
    return {name: torch.cat(maps) for name, maps in found.items()}


def characters_at(words: Sequence[ProbedWord], size: Sequence[int],
                  seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Number of the word, row and column of places of a map that show ink, and the letter or digit
    whose ink is most there, in any case."""
    places, labels = [], []
    for number, word in enumerate(words):
        high, wide = word.glyphs.shape
        y, x = np.nonzero(word.glyphs)
        k = word.glyphs[y, x].astype(int)
        cell = y * size[0] // high * size[1] + x * size[1] // wide
        counts = np.zeros((size[0] * size[1], len(word.text) + 1))
        np.add.at(counts, (cell, k), 1)
        least = 0.2 * high * wide / (size[0] * size[1])
        for place in np.flatnonzero(counts.max(1) > least):
            character = word.text[counts[place].argmax() - 1].lower()
            if character.isascii() and character.isalnum():
                places.append((number, *divmod(int(place), size[1])))
                labels.append(int(character, 36))
    kept = np.random.default_rng(seed).permutation(len(places))[:PROBED['tokens']]
    return np.array(places)[kept], np.array(labels)[kept]


def classifier(samples: int, penalty: float = 1e-3) -> Pipeline:
    """A logistic regression of so many samples, with a penalty on the squares of its weights beside
    the mean of the losses."""
    return make_pipeline(StandardScaler(), LogisticRegression(
        C=1 / (2 * penalty * samples), max_iter=ITERATIONS))


def classified(features: Tensor, labels: np.ndarray, folds: np.ndarray) -> dict[str, float]:
    """Accuracy over five splits, with the true labels and with shuffled ones, and that of the most
    frequent class."""
    shuffled = np.random.default_rng(0).permutation(labels)
    cells = {}
    for name, learned in (('found (%)', labels), ('of shuffled labels (%)', shuffled)):
        said = cross_val_predict(classifier(len(labels)), features.numpy(), learned,
                                 cv=PredefinedSplit(folds))
        cells[name] = 100 * float(np.mean(said == learned))
    chance = np.unique(labels, return_counts=True)[1].max() / len(labels)
    return dict(cells, **{'chance (%)': 100 * float(chance)})


def present(features: Tensor, texts: Sequence[str], folds: np.ndarray) -> dict[str, float]:
    """Mean area under the ROC curve, over letters and digits that are in a twentieth of the words
    or more, but not in all."""
    there = np.array([[c in text.lower() for c in string.ascii_lowercase + string.digits]
                      for text in texts])
    there = there[:, (there.mean(0) >= 0.05) & ~there.all(0)]
    shuffled = np.random.default_rng(0).permutation(there)
    cells = {}
    for name, learned in (('found (%)', there), ('of shuffled labels (%)', shuffled)):
        areas = []
        for has_it in learned.T:
            scores = cross_val_predict(classifier(len(texts)), features.numpy(), has_it,
                                       cv=PredefinedSplit(folds), method='decision_function')
            areas += [roc_auc_score(has_it[own], scores[own]) for own in map(
                folds.__eq__, np.unique(folds)) if 0 < has_it[own].mean() < 1]
        cells[name] = 100 * float(np.mean(areas))
    return dict(cells, **{'chance (%)': 50.0})


def recognition(args: argparse.Namespace, network: Network) -> None:
    """Word accuracy on the real validation words, also of models --beside it."""
    readers = {'this': network.words, **{
        name: WordInferencer(config, weights, 'cpu', tta=0)
        for name, config, weights in args.beside}}
    table: dict[tuple[str, str], dict] = {}
    for name, records in validation_words().items():
        for reader, read in readers.items():
            results = read([record.load() for record in records], return_char_boxes=False,
                           progress=False)
            right = [same_under(record.text, result.text)
                     for record, result in zip(records, results)]
            table[name, reader] = {'words': len(right), 'right': sum(right)}
    for reader in readers:
        words, right = (sum(cells[key] for (_, by), cells in table.items() if by == reader)
                        for key in ('words', 'right'))
        table['all', reader] = dict(words=words, right=right)
    for cells in table.values():
        cells['right (%)'] = 100 * cells['right'] / cells['words']
    report(args, 'recognition', table)


def validation_words() -> dict[str, list[Any]]:
    """The 300 words of real_words.py, by set."""
    cfg = Config.fromfile(ROOT / 'configs/_base_/datasets/real_words.py')
    return {name: [record for record in open_source(Path(
        cfg.real_words_root, folder, 'val.tsv')) if record.text is not None]
            for name, folder in cfg.real_words_folders.items()}


def look(args: argparse.Namespace, network: Network) -> None:
    """Real words as they are, erased, and with other texts; to be looked at."""
    records = [record for words in validation_words().values() for record in words
               if len(record.text) > 3]
    chosen = [records[i] for i in np.random.default_rng(args.seed).permutation(len(records))[
        :args.sheet]]
    images = [decode_picture(record.load()) for record in chosen]
    editor = WordEditor(args.config, args.weights, 'cpu')
    texts = [args.texts[i % len(args.texts)] for i in range(len(images))]
    sheet, right = [], 0
    for record, image, gone, new in zip(chosen, images, editor.erase(images),
                                        editor.edit(images, texts)):
        word = new.words[0]
        right += same_under(word.text, word.reading)
        sheet += [SheetWord(image, record.text), SheetWord(gone.picture, 'erased',
                                                           gone.words[0].reading),
                  SheetWord(new.picture, word.text, word.reading)]
    args.out.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(args.out / 'look.png'), draw_word_sheet(sheet, 6, (256, 96)))
    print(f'{right} of {len(images)} words are read as they were written: {args.out}/look.png')


EXPERIMENTS = {each.__name__: each for each in (removal, editing, probes, recognition, look)}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('experiment', choices=EXPERIMENTS)
    add('--config', required=True)
    add('--weights', required=True)
    add('--out', type=Path, required=True, help='folder of tables and sheets')
    add('--pairs', type=positive, default=300, help='in all (default: %(default)s)')
    add('--seed', type=int, default=1234, help='of pairs that no training has seen')
    add('--sheet', type=positive, default=12, help='rows of a sheet (default: %(default)s)')
    add('--texts', nargs='+', default=['COFFEE', 'Hotel', 'open24', 'STREET'],
        help='of what is written in `look` (default: %(default)s)')
    add('--beside', nargs=3, action='append', default=[], metavar=('NAME', 'CONFIG', 'WEIGHTS'),
        help='another model, for recognition; may be given several times')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    EXPERIMENTS[args.experiment](args, Network(args.config, args.weights))
    return 0


if __name__ == '__main__':
    run_tool(main)
