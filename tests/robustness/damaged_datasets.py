"""Damaged sets of words, made by a seed, and a judge of what becomes of them.

    for kind, config, truth in itertools.islice(damaged_datasets(random.Random(0), folder), 100):
        print(kind, judge(config, truth))
"""
import contextlib
import io
import json
import logging
import multiprocessing
import os
import random
import re
import shutil
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import normalize

import cv2
import numpy as np
from mmengine.logging import MMLogger

GOOD = ('read right', 'skipped and counted', 'refused with file and place')
FAULTS = ('silent', 'unclear error', 'hang', 'crash')
USES = ('train', 'convert', 'test')
FORMATS = ('tsv', 'txt', 'json', 'jsonl', 'lmdb', 'folder', 'index')
CHARACTERS = 'abcdefghijklmnopqrstuvwxyz0123456789é -"\'№中ệ'
_PLACE = re.compile(r'line \d+|entr(y|ies)|(image|label)-\d{9}|\.(png|txt|pipe)\b|num-samples')


class Config(NamedTuple):
    """A damaged set: its use, its format, its path, and whether the damage is at a single word."""
    use: str
    form: str
    path: str
    local: bool


class Words:
    """A sound set: the gray level of a picture tells its word."""

    def __init__(self, rng: random.Random, folder: Path, form: str) -> None:
        self.rng, self.folder, self.form = rng, folder, form
        letters = CHARACTERS.replace(' ', '') if form in ('txt', 'folder') else CHARACTERS
        self.labels = [f'{rng.choice(letters[:36])}{"".join(rng.choices(letters, k=6))}x'
                       for _ in range(rng.randint(3, 8))]
        self.values: list[Any] = [normalize(rng.choice(['NFC', 'NFD']), x) for x in self.labels]
        self.names = [f'{i}.png' for i in range(len(self.labels))]
        self.images = [cv2.imencode('.png', np.full((8, 20, 3), 10 + 20 * i, np.uint8))[1].tobytes()
                       for i in range(len(self.labels))]
        self.bad = rng.randrange(len(self.labels))  # the word that is to be damaged

    @property
    def truth(self) -> dict[int, str]:
        return {10 + 20 * i: label for i, label in enumerate(self.labels)}

    def lines(self) -> list[str]:
        entries = list(zip(self.names, self.values))
        if self.form == 'json':
            data = [dict(img_path=n, instances=[dict(text=v)]) for n, v in entries]
            ascii_ = self.rng.random() < 0.5 or '\ud83d' in self.values
            lines = [json.dumps(d, ensure_ascii=ascii_) for d in data]
            return ['{"metainfo": {}, "data_list": [', *(f'{x},' for x in lines[:-1]), lines[-1],
                    ']}']
        if self.form == 'jsonl':
            return [json.dumps(dict(filename=n, text=v)) for n, v in entries]
        return [f'{n}{" " if self.form == "txt" else chr(9)}{v}' for n, v in entries]

    def write(self, lines: list[str] | None = None) -> Path:
        """Write the set; the path of its table, database or folder."""
        for name, image in zip(self.names, self.images):
            (self.folder / name).write_bytes(image)
        if self.form in ('lmdb', 'index'):
            return self.write_lmdb({})
        if self.form == 'folder':
            for name, value in zip(self.names, self.values):
                (self.folder / name).with_suffix('.txt').write_text(value, encoding='utf-8')
            return self.folder
        path = self.folder / f'words.{self.form}'
        path.write_text('\n'.join(lines or self.lines()) + '\n', encoding='utf-8')
        return path

    def write_lmdb(self, changes: dict[str, bytes | None]) -> Path:
        import lmdb
        entries = {'num-samples': b'%d' % len(self.labels)}
        for i, (value, image) in enumerate(zip(self.values, self.images), 1):
            entries.update({f'label-{i:09d}': value.encode(), f'image-{i:09d}': image})
        with lmdb.open(str(self.folder / 'db'), map_size=1 << 22) as env, \
                env.begin(write=True) as transaction:
            for key, value in {**entries, **changes}.items():
                if value is not None:
                    transaction.put(key.encode(), value)
        return self.folder / 'db'


def _recoded(encoding: str) -> Callable:
    def damage(words: Words, path: Path) -> None:
        path.write_bytes(path.read_text('utf-8').encode(encoding))
    return damage


def _line(change: Callable[[bytes], bytes]) -> Callable:
    """Change the line of one word."""
    def damage(words: Words, path: Path) -> None:
        lines = path.read_bytes().split(b'\n')
        number = words.bad + (words.form == 'json')
        lines[number] = change(lines[number])
        path.write_bytes(b'\n'.join(lines))
    return damage


def _picture(change: Callable[[Path], Any]) -> Callable:
    return lambda words, path: change(words.folder / words.names[words.bad])


def _value(value: Any, label: str | None = None) -> Callable:
    """Another value in place of a label; ``label`` is what is to be read."""
    def damage(words: Words, path: Path) -> None:
        words.values[words.bad] = value
        words.labels[words.bad] = label if label is not None else words.labels[words.bad]
        words.write()
    return damage


def _text(change: Callable[[str], str]) -> Callable:
    return lambda words, path: path.write_text(change(path.read_text('utf-8')), encoding='utf-8',
                                               newline='')


def _replaced(make: Callable[[Path], Any]) -> Callable:
    def damage(words: Words, path: Path) -> None:
        path.unlink()
        make(path)
    return damage


def _pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _entry(kind: str, value: bytes | None) -> Callable:
    """Another value of an entry of a database."""
    def damage(words: Words, path: Path) -> None:
        shutil.rmtree(path)
        if (kind, value) == ('label', b''):
            words.labels[words.bad] = ''
        words.write_lmdb({kind if kind == 'num-samples' else f'{kind}-{words.bad + 1:09d}': value})
    return damage


def _bytes(change: Callable[[random.Random, bytearray], Any], name: str = 'data.mdb') -> Callable:
    def damage(words: Words, path: Path) -> None:
        file = path / name if path.is_dir() else path
        data = bytearray(file.read_bytes())
        change(words.rng, data)
        file.write_bytes(data)
    return damage


def _page(rng: random.Random, data: bytearray) -> None:
    start = 4096 * rng.randrange(2, max(3, len(data) // 4096))
    data[start:start + 4096] = bytes(4096)


def _header(rng: random.Random, data: bytearray) -> None:
    start = 4096 * rng.randrange(2, max(3, len(data) // 4096))
    data[start + rng.randrange(16, min(48, len(data) - start))] ^= 1 << rng.randrange(8)


def _beside(words: Words, path: Path) -> None:
    """A linked folder, and what is not named like a picture."""
    outside = words.folder.with_name(f'{words.folder.name}-linked')
    outside.mkdir()
    (outside / 'z.png').write_bytes(
        cv2.imencode('.png', np.full((8, 20, 3), 250, np.uint8))[1].tobytes())
    (outside / 'z.txt').write_text('linked')
    os.symlink(outside, words.folder / 'link')
    words.linked = True


# By format: the kind, what it does, whether one word alone is damaged.
_FILES = {
    'UTF-16': (_recoded('utf-16'), False), 'UTF-16 without mark': (_recoded('utf-16-le'), False),
    'UTF-32': (_recoded('utf-32'), False), 'UTF-8 with mark': (_recoded('utf-8-sig'), False),
    'UTF-16, cut off': (lambda w, p: p.write_bytes(p.read_text('utf-8').encode('utf-16')[:-1]),
                        False),
    'CRLF': (_text(lambda t: t.replace('\n', '\r\n')), False),
    'mixed line ends': (_text(lambda t: t.replace('\n', '\r\n', 1).replace('\n', '\r', 2)), False),
    'blank lines': (_text(lambda t: '\n \n' + t.replace('\n', '\n\n')), False),
    'GBK in a line': (_line(lambda x: x[:-3] + '中'.encode('gbk') + x[-3:]), True),
    'Latin-1 in a line': (_line(lambda x: x[:-3] + b'\xe9' + x[-3:]), True),
    'NUL in a line': (_line(lambda x: x[:3] + b'\0' + x[3:]), True),
    'empty': (_replaced(Path.touch), False), 'a folder': (_replaced(Path.mkdir), False),
    'a pipe': (_replaced(_pipe), False), 'missing': (lambda w, p: p.unlink(), False),
    'binary': (lambda w, p: p.write_bytes(w.rng.randbytes(5000)), False),
    'empty label': (_value('', ''), True),
    'huge label': (_value('y' * 3_000_000, 'y' * 3_000_000), True),
    'picture missing': (_picture(Path.unlink), True),
    'picture empty': (_picture(lambda p: p.write_bytes(b'')), True),
    'picture cut off': (_picture(lambda p: p.write_bytes(p.read_bytes()[:40])), True),
    'picture is a pipe': (_picture(_pipe), True),
    'picture is text': (_picture(lambda p: p.write_text('no picture')), True)}
_TABLES = {
    'a column less': (_line(lambda x: re.split(rb'[\t ]', x)[0]), True),
    'a path that is an address': (_line(lambda x: b'http://127.0.0.1:9/' + x), True),
    'a word twice': (_text(lambda t: t + t.split('\n')[0] + '\n'), False)}
_VALUES = {
    'a whole number': (_value(2024, '2024'), False), 'a fraction': (_value(1.5), True),
    'NaN': (_value(float('nan')), True), 'true': (_value(True), True), 'null': (_value(None), True),
    'a list': (_value(['a']), True), 'an object': (_value({'a': 1}), True),
    'half a pair': (_value('\ud83d'), True), 'NUL': (_value('a\0b'), True),
    'a number too long': (_value(10 ** 30, '1' + '0' * 30), True),
    'a key twice': (_line(lambda x: x.replace(b'"text": ', b'"text": "another", "text": ')), True),
    'no label': (_line(lambda x: x.replace(b'"text"', b'"txt"')), True),
    'cut off': (lambda w, p: p.write_bytes(p.read_bytes().rstrip()[:-w.rng.randint(3, 12)]), False)}
KINDS: dict[str, dict[str, tuple[Callable, bool]]] = {
    'tsv': {**_FILES, **_TABLES, 'a column more': (_line(lambda x: x + b'\tmore'), True)},
    'txt': {**_FILES, **_TABLES, 'a blank in a label': (_line(lambda x: x + b' more'), True)},
    'jsonl': {**_FILES, **_VALUES, 'no object': (_line(lambda x: b'[1]'), True),
              'nested deeply': (_line(lambda x: b'[' * 100_000), True)},
    'json': {**_FILES, **_VALUES,
             'a list': (_text(lambda t: t[t.index('['):t.rindex(']') + 1]), False),
             'another object': (_text(lambda t: t.replace('data_list', 'words')), False),
             'two objects': (_text(lambda t: t + t), False),
             'no path': (_line(lambda x: x.replace(b'img_path', b'path')), True),
             'a path that is a number': (_line(lambda x: re.sub(b'"[0-9]+.png"', b'7', x)), True),
             'several labels': (_line(lambda x: x.replace(b'}]', b'}, {"text": "b"}]')), True),
             'nested deeply': (_text(lambda t: t.replace(
                 '"data_list": [', '"data_list": [' + '[' * 10_000 + ']' * 10_000 + ',')), True)},
    'lmdb': {
        **{f'num-samples {n!r}': (_entry('num-samples', n), False) for n in (
            b'2000000000', b'9' * 30, b'9' * 5000, b'-3', b'many', b'', b'0', b'3.0', b'1', None)},
        'no label': (_entry('label', None), True), 'empty label': (_value('', ''), True),
        'label not UTF-8': (_entry('label', b'caf\xe9'), True),
        'label with NUL': (_entry('label', b'a\0b'), True),
        'no image': (_entry('image', None), True), 'empty image': (_entry('image', b''), True),
        'image is text': (_entry('image', b'no picture'), True),
        'cut off': (_bytes(lambda rng, d: d.__delitem__(slice(rng.randrange(len(d)), None))),
                    False),
        'a page of zeros': (_bytes(_page), False), 'a page header': (_bytes(_header), False),
        'binary': (_bytes(lambda rng, d: d.__setitem__(slice(None), rng.randbytes(9000))), False),
        'missing': (lambda w, p: (p / 'data.mdb').unlink(), False)},
    'folder': {
        'linked folder': (_beside, False),
        'no text beside a picture': (lambda w, p: (p / f'{w.bad}.txt').unlink(), True),
        'text not UTF-8': (lambda w, p: (p / f'{w.bad}.txt').write_bytes(b'caf\xe9'), True),
        'text of several lines': (lambda w, p: (p / f'{w.bad}.txt').write_text('a\nb'), True),
        'picture by another name': (lambda w, p: (p / f'{w.bad}.png').rename(p / 'x.psd'), True),
        **{kind: _FILES[kind] for kind in _FILES if kind.startswith('picture')}},
    'index': {
        'a bit': (_bytes(lambda rng, d: d.__setitem__(
            k := rng.randrange(len(d)), d[k] ^ 1 << rng.randrange(8)), ''), False),
        'cut off': (_bytes(lambda rng, d: d.__delitem__(slice(rng.randrange(len(d)), None)), ''),
                    False),
        'binary': (_bytes(lambda rng, d: d.__setitem__(slice(None), rng.randbytes(500)), ''),
                   False)}}


def damaged_datasets(rng: random.Random,
                     folder: Path) -> Iterator[tuple[str, Config, dict[int, str]]]:
    """Endless: every kind of damage to every format in every use, in an order drawn by the seed,
    then all again with other words.

    Yields:
        The kind; a :class:`Config`; the label of each word by the gray level of its picture, as it
        was before the damage.
    """
    number = 0
    while True:
        cases = [(form, kind, use) for form in FORMATS for kind in KINDS[form] for use in USES
                 # A folder can only be converted; only training keeps an index.
                 if form not in ('folder', 'index') or use == dict(folder='convert',
                                                                   index='train')[form]]
        rng.shuffle(cases)
        for form, kind, use in cases:
            number += 1
            place = Path(folder) / f'{number:05d}'
            place.mkdir(parents=True)
            words = Words(rng, place, form)
            path = words.write()
            damage, local = KINDS[form][kind]
            target = path
            if form == 'index':
                _read_for_training('index', str(path))
                target = next((place / 'cache').iterdir())
            damage(words, target)
            truth = words.truth | ({250: 'linked'} if hasattr(words, 'linked') else {})
            yield f'{form}, {kind}, {use}', Config(use, form, str(path), local), truth


def judge(config: Config, truth: dict[int, str], seconds: float = 20) -> str:
    """What becomes of a set, in a process of its own: one of :data:`GOOD`, or one of
    :data:`FAULTS` and what was seen."""
    context = multiprocessing.get_context('fork')
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_send, args=(theirs, config))
    child.start()
    theirs.close()
    try:
        if not ours.poll(seconds):
            return 'hang'
        found = ours.recv()
    except EOFError:
        child.join()
        return f'crash: exit code {child.exitcode}'
    finally:
        child.kill()
        child.join()
    return _verdict(config, truth, *found)


def _verdict(config: Config, truth: dict[int, str], read: dict[int, str], counted: int,
             error: str, trace: str) -> str:
    wrong = {level: (text, truth.get(level)) for level, text in read.items()
             if text != truth.get(level)}
    if wrong:
        return f'silent: {str(wrong)[:300]}'
    if error:
        named = any(name in error for name in (Path(config.path).name, '.png'))
        placed = not config.local or _PLACE.search(error)
        kind = GOOD[2] if named and placed and not trace else 'unclear error'
        return kind if kind == GOOD[2] else f'{kind}: {error} {trace}'
    lost = len(set(truth) - set(read))
    if not lost:
        return GOOD[0]
    return GOOD[1] if counted >= lost else f'silent: {lost} lost, {counted} counted'


def _send(pipe: Any, config: Config) -> None:
    # Everything that is said on the way may name what is wrong.
    said, read, counted, error, trace = io.StringIO(), {}, 0, '', ''
    logger = MMLogger.get_current_instance()
    logger.handlers = [logging.StreamHandler(said)]
    reader = dict(train=_read_for_training, convert=_convert, test=_read_for_testing)[config.use]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            read, counted = reader(config.form, config.path)
        except (ValueError, OSError, RuntimeError) as caught:
            error = str(caught)
            if isinstance(caught, UnicodeError):
                trace = traceback.format_exc()
        except BaseException as caught:
            error, trace = repr(caught)[:500], traceback.format_exc()[-1500:]
    for number in re.findall(r'([0-9,]+) images with higher numbers', said.getvalue()):
        counted += int(number.replace(',', ''))
    pipe.send((read, counted, error, trace))
    pipe.close()
    os._exit(0)


def _config(form: str, path: str) -> dict:
    """A data set as the docs have it: MMOCR's own where it has one."""
    if form in ('lmdb', 'index'):
        return dict(type='WordLMDBDataset', ann_file=path, pipeline=None, **(
            dict(index_cache=str(Path(path).parent / 'cache'), min_length=1)
            if form == 'index' else {}))
    folder, name = os.path.split(path)
    common = dict(data_root=folder, ann_file=name, pipeline=None)
    if form == 'txt':
        return dict(common, type='RecogTextDataset',
                    parser_cfg=dict(type='LineStrParser', keys=['filename', 'text']))
    return dict(common, type=dict(json='OCRDataset', jsonl='RecogTextDataset',
                                  tsv='WordTSVDataset')[form])


def _read_for_training(form: str, path: str) -> tuple[dict[int, str], int]:
    from mmocr.registry import DATASETS
    dictionary = Path(path).parent / 'characters.txt'
    dictionary.write_text('\n'.join(CHARACTERS), encoding='utf-8')
    data = DATASETS.build(dict(
        type='CheckedTextDataset', dataset=_config(form, path), pipeline=[
            dict(type='LoadWordImage')], letter_case='unchanged', dictionary=dict(
                type='WordDictionary', dict_file=str(dictionary), with_end=True,
                with_unknown=True, unknown_token=None), max_seq_len=40))
    samples = [data[i] for i in range(len(data))]
    counted = sum(sum(report.skipped.values()) for report in data.reports)
    if len(samples) < sum(report.kept for report in data.reports):
        raise AssertionError('fewer samples than words kept')
    return _by_level(samples), counted + int((data.skip_flags > 0).sum())


def _read_for_testing(form: str, path: str) -> tuple[dict[int, str], int]:
    from mmocr.registry import DATASETS

    from mmocr_siga.datasets.formats.records import words_config
    data = DATASETS.build(dict(words_config(path), pipeline=[
        dict(type='LoadImageFromFile', backend_args=dict(backend='nonempty')),
        dict(type='LoadOCRAnnotations', with_text=True)]))
    return _by_level([data[i] for i in range(len(data))]), 0


def _by_level(samples: list[dict]) -> dict[int, str]:
    return {int(sample['img'][0, 0, 0]): sample['instances'][0]['text'] for sample in samples}


def _convert(form: str, path: str) -> tuple[dict[int, str], int]:
    from mmocr_siga.datasets.formats.records import read_lmdb
    from tools.data import to_lmdb
    out, said = Path(path).parent / 'converted', io.StringIO()
    if form == 'folder':
        out = Path(path).with_name(f'{Path(path).name}-converted')
    with contextlib.redirect_stderr(said):
        if to_lmdb.main([path, str(out)]):
            skipped = Path(f'{out}.skipped.tsv')
            raise ValueError(said.getvalue() + (skipped.read_text() if skipped.exists() else ''))
    counted = sum(json.loads((out / 'summary.json').read_text())['left_out'].values())
    records = {int(cv2.imdecode(np.frombuffer(r.load(), np.uint8), 1)[0, 0, 0]): r.text
               for r in read_lmdb(str(out))}
    return records, counted
