"""Words of whole pictures that were found and read."""
from __future__ import annotations

import logging
import os.path as osp
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmocr.registry import METRICS

from ..text.files import nfc
from ..text.lexicon import Lexicon, read_lexicon
from .spotting_protocol import (
    SPOTTING_PROTOCOLS,
    Counts,
    count_hits,
    dictionary_form,
    hmean,
    in_dictionary,
    overlaps,
)

__all__ = ['E2EHmeanMetric']

LEXICONS = ('strong', 'weak', 'generic')
SCORES = ('scores', 'text_scores')
_NAMES = dict(detection='detection_', end_to_end='', word_spotting='spotting_')


@METRICS.register_module()
class E2EHmeanMetric(BaseMetric):
    """Harmonic mean of precision and recall of spotting, as in ICDAR 2015 and Total-Text.

    See :mod:`.spotting_protocol` for the protocols and their sources. It needs ``gt_instances``
    with ``polygons``, ``texts`` and ``ignored`` and ``pred_instances`` with ``polygons``,
    ``texts``, and, where they are used, ``scores``, ``text_scores`` and ``char_scores``, a list for
    each word; detection alone needs no texts.

    Results are ``precision``, ``recall`` and ``hmean`` of the end-to-end protocol without a
    lexicon; ``spotting_...`` of word spotting; ``detection_...``; and ``..._strong`` and so on with
    a lexicon. With a sweep, each is the best over the thresholds, and ``..._threshold`` says at
    which: choose the threshold on other pictures than those that are reported.

    A lexicon is a dict: ``kind``, ``'strong'`` (a list for each picture), ``'weak'`` (all words of
    the test set) or ``'generic'``; ``words``, a file with one word a line, for ``'strong'`` with
    ``{name}`` for the picture's name, or ``'ground_truth'``: the words asked for; ``size``, to
    which a strong one is filled up by the words of other pictures; ``distance`` and
    ``max_distance`` as in :class:`.lexicon.Lexicon`, by default 1.5 edits unless it is strong.

    Args:
        protocols: Some of ``'detection'``, ``'end_to_end'`` and ``'word_spotting'``.
        lexicons: Lexicons to be tried besides none.
        score: By what the detections are filtered, ``'scores'`` or ``'text_scores'``.
        pred_score_thrs: A threshold, or ``start``, ``stop`` and ``step`` of a sweep as in MMOCR's
            ``HmeanIOUMetric``; detections with lower scores do not count.
        options: ``collect_device`` and ``prefix`` of MMEngine's metrics.
    """
    default_prefix = 'e2e'

    def __init__(self, protocols: Sequence[str] = SPOTTING_PROTOCOLS,
                 lexicons: Sequence[Mapping[str, Any]] = (), score: str = 'scores',
                 pred_score_thrs: Mapping[str, float] | float | None = None,
                 **options: Any) -> None:
        super().__init__(**options)
        protocols = (protocols, ) if isinstance(protocols, str) else tuple(protocols)
        if not protocols or set(protocols) - set(SPOTTING_PROTOCOLS):
            raise ValueError(f'protocols must be some of {SPOTTING_PROTOCOLS}, but are '
                             f'{protocols}')
        if score not in SCORES:
            raise ValueError(f'score must be one of {SCORES}, but is {score!r}')
        self.protocols, self.score = protocols, score
        self.thresholds = _thresholds(pred_score_thrs)
        self.lexicons = [_checked_lexicon(lexicon) for lexicon in lexicons]
        kinds = [lexicon['kind'] for lexicon in self.lexicons]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f'each kind of lexicon can be given once, but they are {kinds}')

    def process(self, data_batch: Any, data_samples: Sequence[Mapping]) -> None:
        texts = () if self.protocols == ('detection', ) else ('texts', )
        scores = (self.score, ) if self.thresholds else ()
        for sample in data_samples:
            truth = _instances(sample, 'gt_instances', 'polygons', 'ignored', *texts)
            found = _instances(sample, 'pred_instances', 'polygons', *texts, *scores)
            words, detections = len(truth['polygons']), len(found['polygons'])
            self.results.append(dict(
                name=osp.splitext(osp.basename(str(sample.get('img_path') or '')))[0],
                overlaps=overlaps(truth['polygons'], found['polygons']),
                care=~_array(truth['ignored'], bool),
                scores=_array(found[self.score], np.float64) if scores else np.ones(detections),
                truths=_texts(truth) if texts else [''] * words,
                readings=_texts(found) if texts else [''] * detections,
                char_scores=found.get('char_scores') if texts else None))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        lost = sum(result['overlaps'].lost_words for result in results)
        if lost:
            MMLogger.get_current_instance().log(
                logging.WARNING, f'{lost} words of the ground truth have regions that enclose '
                'nothing: no detection can match them')
        out: dict[str, float] = {}
        plain = [result['readings'] for result in results]
        for protocol in self.protocols:
            out.update(self._figures(results, plain, protocol))
        for lexicon in self.lexicons:
            for protocol in self.protocols:
                if protocol != 'detection':
                    readings = _corrected(results, lexicon, protocol)
                    out.update(self._figures(results, readings, protocol, f'_{lexicon["kind"]}'))
        return out

    def _figures(self, results: list[dict], readings: list[list[str | None]], protocol: str,
                 after: str = '') -> dict[str, float]:
        """The best figures over the thresholds."""
        best, before = None, _NAMES[protocol]
        for threshold in self.thresholds or [None]:
            total = Counts(0, 0, 0)
            for result, texts in zip(results, readings):
                kept = texts if threshold is None else [
                    text if score >= threshold else None
                    for text, score in zip(texts, result['scores'])]
                counts = count_hits(result['overlaps'], result['truths'], result['care'], kept,
                                    protocol)
                total = Counts(*(a + b for a, b in zip(total, counts)))
            figures = hmean(total)
            if best is None or figures[2] > best[0][2]:
                best = figures, threshold
        names = ['precision', 'recall', 'hmean', *['threshold'] * (len(self.thresholds) > 1)]
        return {f'{before}{name}{after}': value for name, value in zip(names, [*best[0], best[1]])}


def _thresholds(given: Mapping[str, float] | float | None) -> list[float]:
    if given is None:
        return []
    if not isinstance(given, Mapping):
        return [float(given)]
    fits = set(given) == {'start', 'stop', 'step'} and given['step'] > 0
    out = [round(float(value), 6) for value in np.arange(**given)] if fits else []
    if not out:
        raise ValueError('pred_score_thrs must be a number or start, stop and a positive step, '
                         f'of at least one threshold, but is {dict(given)}')
    return out


def _checked_lexicon(given: Mapping[str, Any]) -> dict[str, Any]:
    """A lexicon with its defaults, and its words unless they differ from picture to picture."""
    lexicon = dict(words='ground_truth', size=None, distance='plain', max_distance=None)
    unknown = set(given) - {'kind', *lexicon}
    lexicon.update(given)
    kind = lexicon.get('kind')
    if kind not in LEXICONS or unknown:
        raise ValueError(f'a lexicon needs a kind, one of {LEXICONS}, and may have words, size, '
                         f'distance and max_distance, but is {dict(given)}')
    words = lexicon['words']
    if kind == 'generic' and words == 'ground_truth':
        raise ValueError('a generic lexicon needs words: the path of a file')
    if kind == 'strong' and words != 'ground_truth' and '{name}' not in words:
        raise ValueError("a strong lexicon needs words with '{name}' for the picture's name, but "
                         f'they are {words!r}')
    if kind != 'strong' and words != 'ground_truth':
        lexicon['words'] = read_lexicon(words)
    if kind != 'strong' and lexicon['max_distance'] is None:
        lexicon['max_distance'] = 1.5
    Lexicon([], lexicon['distance'])
    return lexicon


def _corrected(results: list[dict], lexicon: Mapping[str, Any],
               protocol: str) -> list[list[str | None]]:
    """Readings of all pictures after correction; None for those left out."""
    words = lexicon['words']
    asked = [[text for text, care in zip(result['truths'], result['care']) if care and text]
             for result in results]
    if protocol == 'word_spotting':
        asked = [[dictionary_form(text) for text in each if in_dictionary(text)] for each in asked]
    everything = list(dict.fromkeys(word.upper() for each in asked for word in each))
    options = lexicon['distance'], lexicon['max_distance']
    common = None
    if lexicon['kind'] != 'strong':
        common = Lexicon(everything if words == 'ground_truth' else words, *options)
    out = []
    for i, result in enumerate(results):
        picked = common
        if common is None:
            own = asked[i] if words == 'ground_truth' else read_lexicon(
                words.replace('{name}', result['name']))
            picked = Lexicon(_filled(own, everything, lexicon['size'], result['name']), *options)
        scores = result['char_scores'] or [None] * len(result['readings'])
        # A picture without words has no strong lexicon: its readings stay, and are wrong.
        out.append([picked.pick(*pair) for pair in zip(result['readings'], scores)]
                   if picked.words else result['readings'])
    return out


def _filled(own: list[str], everything: list[str], size: int | None, name: str) -> list[str]:
    """Words of a picture, filled up to a size by those of others."""
    own = list(dict.fromkeys(word.upper() for word in own))
    others = sorted(set(everything) - set(own))
    random.Random(f'lexicon of {name}').shuffle(others)
    return own + others[:max(0, (size or 0) - len(own))]


def _instances(sample: Mapping, what: str, *needed: str) -> dict[str, Any]:
    """Fields of ``gt_instances`` or ``pred_instances``; one that is missing is named."""
    fields = dict(sample.get(what, {}).items())
    for key in needed:
        if key not in fields:
            advice = ('; give LoadOCRAnnotations with_text=True, with_polygon=True and '
                      'with_bbox=True' if what == 'gt_instances' else
                      '; for a model that only detects use protocols=("detection", )'
                      if key == 'texts' else '')
            raise ValueError(f'{what} of a data sample have no {key!r}{advice}')
    return fields


def _texts(fields: Mapping[str, Any]) -> list[str]:
    return [nfc(str(text)) for text in fields['texts']]


def _array(values: Any, dtype: type) -> np.ndarray:
    return np.asarray(values.cpu() if hasattr(values, 'cpu') else values, dtype)
