"""Words of whole pictures from annotation files, in the terms of MMOCR's JSON."""
from __future__ import annotations

import json
import logging
import os
import os.path as osp
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mmengine.logging import print_log
from PIL import Image

from ...geometry.polygons import check_polygon, polygon_shape
from ...images import IMAGE_SUFFIXES
from ...text.files import nfc, read_lines, text_problem

FORMATS = ('auto', 'icdar2015', 'icdar2013', 'polygon', 'total_text')
IGNORED_TEXTS = ('###', )
_NUMBER = r'\s*[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?\s*'
# What a line looks like in each format, and what is said of one that does not.
_LINES = {
    'icdar2015': (rf'((?:{_NUMBER},){{8}})(.*)$', 'expected eight numbers and a text'),
    'icdar2013': (rf'((?:{_NUMBER}[,\s]){{4}})\s*(.*)$',
                  'expected left, top, right, bottom and a text'),
    'polygon': (rf'((?:{_NUMBER},){{6,}})(?:####)?(.*)$',
                'expected x and y of at least three points and a text'),
    'total_text': (r'''.*?x: *\[\[([^\]]*)\]\] *, *y: *\[\[([^\]]*)\]\].*?'''
                   r'''transcriptions: *\[u?(['"])(.*)\3\]''', 'is no line of Total-Text'),
}
SCENE_METAINFO = dict(dataset_type='TextSpottingDataset', task_name='textspotting',
                      category=[dict(id=0, name='text')])


@dataclass(frozen=True)
class SceneProblem:
    """Something that was left out of, or ignored in, a scene."""
    path: str
    line: int  # from 1; 0 for the whole file
    text: str
    ignored: bool = False  # whether the word stays as a region that is ignored

    def __str__(self) -> str:
        place = f'{self.path}:{self.line}' if self.line else self.path
        return f'{place}: {self.text}'


@dataclass
class SceneReport:
    """Numbers of scenes, words to be read and regions to be ignored, and what is wrong."""
    scenes: int = 0
    words: int = 0
    ignored: int = 0
    problems: list[SceneProblem] = field(default_factory=list)

    def add(self, path: str, line: int, polygon: Any, text: str, size: tuple[int, int],
            ignore: bool) -> dict | None:
        """Count a word, see :func:`instance_of`, and what is wrong with it."""
        instance, problem = instance_of(polygon, text, size, ignore)
        if problem:
            self.problems.append(SceneProblem(path, line, problem, instance is not None))
        if instance is not None:
            self.ignored += instance['ignore']
            self.words += not instance['ignore']
        return instance

    def lines(self, most: int = 5) -> list[str]:
        """The report as lines of text, with the first problems of each kind."""
        out = [f'{self.scenes:,} scenes, {self.words:,} words, {self.ignored:,} ignored regions']
        for ignored, what in ((False, 'left out'), (True, 'ignored because of a fault')):
            found = [p for p in self.problems if p.ignored is ignored]
            if found:
                out += [f'  {len(found):,} {what}:', *(f'    {p}' for p in found[:most])]
                out += [f'    ... and {len(found) - most:,} more'] if len(found) > most else []
        return out

    def log(self, name: str) -> None:
        print_log(f'{name}: ' + '\n'.join(self.lines()), logger='current',
                  level=logging.WARNING if self.problems else logging.INFO)


def parse_scene_file(path: str | os.PathLike, form: str = 'auto') \
        -> Iterator[tuple[int, list[float] | None, str]]:
    """Read the words of one annotation file as they are written there, in NFC.

    ``icdar2015`` is ``x1,y1,...,x4,y4,text`` with any text after the eighth comma; ``icdar2013`` is
    ``left, top, right, bottom, "text"``; ``polygon`` is any number of points, the text after
    ``####`` as in CTW1500's, or else after the last comma; ``total_text`` is Total-Text's ``x:
    [[...]], y: [[...]], ..., transcriptions: [u'...']``. ``auto`` tells each line of ``total_text``
    and those with ``####`` by their looks and takes the others for ``icdar2015``.

    Yields:
        Number of the line from 1; x and y interleaved, or None if the line cannot be read; the
            text, or what is wrong.

    Raises:
        OSError: If there is no such file.
        ValueError: If the format is unknown.
    """
    if form not in FORMATS:
        raise ValueError(f'the format must be one of {FORMATS}, but is {form!r}')
    for number, line in read_lines(path):
        if text_problem(line):
            yield number, None, text_problem(line)
        elif line.strip('\ufeff \t'):
            yield number, *_parse_line(nfc(line.lstrip('\ufeff')), form)


def _parse_line(line: str, form: str) -> tuple[list[float] | None, str]:
    if form == 'auto':
        form = ('total_text' if line.lstrip().startswith('x:') else
                'polygon' if re.match(rf'(?:{_NUMBER},)+####', line) else 'icdar2015')
    pattern, problem = _LINES[form]
    match = re.match(pattern, line)
    if match is None:
        return None, f'{problem}: {line[:60]!r}'
    if form == 'total_text':
        x, y = (re.findall(r'[^\s,]+', match[k]) for k in (1, 2))
        try:
            points = np.array([x, y], np.float64)
        except ValueError:
            return None, f'x and y do not fit together: {line[:60]!r}'
        return points.T.ravel().tolist(), match[4]
    numbers, text = [float(value) for value in re.findall(_NUMBER, match[1])], match[2]
    if form == 'icdar2013':
        left, top, right, bottom = numbers
        text = text.strip()
        text = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
        return [left, top, right, top, right, bottom, left, bottom], text
    if len(numbers) % 2:
        return None, f'{problem}: {line[:60]!r}'
    return numbers, text


def instance_of(polygon: Any, text: str, size: tuple[int, int], ignore: bool = False) \
        -> tuple[dict | None, str]:
    """An instance of MMOCR's JSON for a word, None without one; what is wrong, or ''.

    A polygon that crosses itself says that there is something, but not what can be read: it becomes
    an ignored region, its convex hull. A word without a text is ignored, too. ``size`` is the
    height and width of the picture.
    """
    points, problem = check_polygon(polygon, size)
    if points is None:
        shape = polygon_shape(polygon)
        hull = check_polygon(np.asarray(shape.convex_hull.exterior.coords)
                             if shape is not None else [], size).points
        if hull is None or 'itself' not in problem:
            return None, f'the polygon {problem}'
        points, ignore, problem = hull, True, f'the polygon {problem}'
    elif not text.strip() and not ignore:
        ignore, problem = True, 'there is no text'
    corners = np.concatenate([points.min(0), points.max(0)])
    return dict(polygon=points.reshape(-1).tolist(), bbox=corners.tolist(), bbox_label=0,
                ignore=bool(ignore), text=text), problem


def picture_size(path: str | os.PathLike) -> tuple[int, int]:
    """Height and width of a picture, upright, from its header; an OSError if it is none."""
    with Image.open(path) as image:
        width, height = image.size
        turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    return (width, height) if turned else (height, width)


def read_scenes(gt_dir: str | os.PathLike, image_dir: str | os.PathLike, form: str = 'auto',
                ignored_texts: Sequence[str] = IGNORED_TEXTS) -> tuple[list[dict], SceneReport]:
    """Read a folder of annotation files and the pictures that they belong to.

    The annotations of ``name.jpg`` are in ``gt_name.txt``, ``name.txt`` or ``poly_gt_name.txt``.
    Scenes come in the natural order of their names: img_2 before img_10. ``ignored_texts`` mark a
    region to be ignored, as ``'#'`` does in Total-Text's own format in any case.

    Returns:
        Entries of ``data_list``: ``img_path``, the file's name alone, ``height``, ``width`` and
        ``instances``; and what was found.

    Raises:
        FileNotFoundError: If a folder is missing, or no picture has annotations.
        ValueError: If the format is unknown.
    """
    gt_dir, image_dir = os.fspath(gt_dir), os.fspath(image_dir)
    for folder, what in ((gt_dir, 'annotations'), (image_dir, 'pictures')):
        if not osp.isdir(folder):
            raise FileNotFoundError(f'no folder of {what} at {folder!r}')
    if form not in FORMATS:
        raise ValueError(f'the format must be one of {FORMATS}, but is {form!r}')
    files = {name[:-4]: name for name in os.listdir(gt_dir) if name.lower().endswith('.txt')}
    names = sorted((n for n in os.listdir(image_dir) if n.lower().endswith(IMAGE_SUFFIXES)),
                   key=_natural)
    scenes, report = [], SceneReport()
    for name in names:
        stem = osp.splitext(name)[0]
        found = [f for f in (f'gt_{stem}', stem, f'poly_gt_{stem}') if f in files]
        if not found:
            report.problems.append(SceneProblem(
                osp.join(image_dir, name), 0, f'has no annotations in {gt_dir}'))
            continue
        path = osp.join(gt_dir, files.pop(found[0]))
        try:
            scenes.append(_read_scene(path, osp.join(image_dir, name), form, ignored_texts, report))
        except (OSError, ValueError) as error:
            report.problems.append(SceneProblem(path, 0, str(error)))
    report.problems += [SceneProblem(osp.join(gt_dir, file), 0, f'has no picture in {image_dir}')
                        for file in sorted(files.values(), key=_natural)]
    if not scenes:
        told = '\n'.join(str(problem) for problem in report.problems[:3])
        raise FileNotFoundError(f'no scene can be read from {gt_dir!r} and {image_dir!r}: expected '
                                f'gt_NAME.txt or NAME.txt for a picture NAME.jpg\n{told}')
    report.scenes = len(scenes)
    return scenes, report


def _natural(name: str) -> list:
    return [(int(part), '') if part.isdigit() else (-1, part)
            for part in re.split(r'(\d+)', name) if part]


def _read_scene(path: str, image: str, form: str, ignored_texts: Sequence[str],
                report: SceneReport) -> dict:
    height, width = picture_size(image)
    instances = []
    for line, polygon, text in parse_scene_file(path, form):
        if polygon is None:
            report.problems.append(SceneProblem(path, line, text))
            continue
        ignore = text in ignored_texts or (form == 'total_text' and text == '#')
        instance = report.add(path, line, polygon, text, (height, width), ignore)
        if instance is not None:
            instances.append(instance)
    return dict(img_path=osp.basename(image), height=height, width=width, instances=instances)


def split_scenes(scenes: Sequence[Any], count: int, seed: int | None = 0) -> tuple[list, list]:
    """The others and ``count`` scenes, in order, drawn by a seed or the last; or a ValueError."""
    if not 0 <= count < len(scenes):
        raise ValueError(f'cannot set {count} of {len(scenes)} scenes aside')
    order = list(range(len(scenes)))
    if seed is not None:
        random.Random(seed).shuffle(order)
    aside = set(order[len(order) - count:])
    return ([s for i, s in enumerate(scenes) if i not in aside],
            [s for i, s in enumerate(scenes) if i in aside])


def write_scenes(path: str | os.PathLike, scenes: Sequence[dict]) -> None:
    """Write MMOCR's JSON for text spotting; ``scenes`` are entries of ``data_list``."""
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(dict(metainfo=SCENE_METAINFO, data_list=list(scenes)), file, ensure_ascii=False)
        file.write('\n')
