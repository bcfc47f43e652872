import itertools
import json
import math
import weakref

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hub import get_config
from mmocr.registry import MODELS

from mmocr_siga.apis import ContextPool, SceneInferencer, WordInferencer, WordResult
from mmocr_siga.images import UnusableImageError
from mmocr_siga.inference.inputs import expand, picture_of
from mmocr_siga.inference.scene_inferencer import SCORE_FLOOR
from tests.helpers.readers import reader_files, word_pictures


class ColorReader:
    """Reads the color of a crop; each character takes a share of its width."""

    def __init__(self, score=lambda image: .9):
        self.score, self.batches, self.sizes, self.taken = score, [], [], 0

    def iter_read(self, inputs, batch_size=32, return_char_boxes=True):
        inputs = expand(inputs)
        while batch := list(itertools.islice(inputs, batch_size)):
            self.taken += len(batch)
            self.batches.append(len(batch))
            yield from [self.read(source, return_char_boxes) for source in batch]

    def read(self, source, boxes):
        try:
            image = picture_of(source)
        except UnusableImageError as error:
            return WordResult(error=str(error))
        height, width = image.shape[:2]
        self.sizes.append((width, height))
        text = str(image[height // 2, width // 2, 0])
        step = width / len(text)
        places = [[k * step, 0, (k + 1) * step, height] for k in range(len(text))]
        return WordResult(None, text, self.score(image), [.9] * len(text),
                          places if boxes else None, (width, height))


def painted(boxes, size=(100, 200)):
    """A picture whose boxes have the brightness 100, 101, ..."""
    picture = np.zeros((*size, 3), np.uint8)
    for value, (left, top, right, bottom) in enumerate(boxes, 100):
        picture[top:bottom, left:right] = value
    return picture


def quad(left, top, right, bottom):
    return [left, top, right, top, right, bottom, left, bottom]


def spotter(reader=None, det=None, **options):
    return SceneInferencer(det, rec=reader or ColorReader(), **options)


BOXES = [(10, 10, 60, 40), (70, 10, 130, 50), (10, 60, 100, 90)]


def test_words_come_in_the_order_of_their_regions():
    spot, polygons = spotter(margin=(0, 0)), [[quad(*box) for box in BOXES]]
    scene, = spot(painted(BOXES), polygons, return_char_polygons=False)
    assert scene.words[0].char_polygons is None
    scene, = spot(painted(BOXES), polygons)
    assert [word.text for word in scene.words] == ['100', '101', '102']
    assert scene.size == (200, 100) and scene.skipped == [] and scene.error is None
    word = scene.words[0]
    assert word.polygon == [[10, 10], [60, 10], [60, 40], [10, 40]]
    assert (word.score, word.det_score, word.char_scores) == (.9, None, [.9] * 3)
    thirds = [10 + 50 / 3 * k for k in range(4)]
    assert np.allclose(word.char_polygons, [
        [[a, 10], [b, 10], [b, 40], [a, 40]] for a, b in zip(thirds, thirds[1:])])


def test_batches_go_over_all_pictures():
    reader = ColorReader()
    pictures = [painted(BOXES), painted([]), painted(BOXES[:1]), painted(BOXES)]
    polygons = [[quad(*box) for box in BOXES], [], [quad(*BOXES[0])],
                [quad(*box) for box in BOXES[::-1]]]
    scenes = spotter(reader)(pictures, polygons, batch_size=4)
    assert reader.batches == [4, 3]
    assert [[word.text for word in scene.words] for scene in scenes] == [
        ['100', '101', '102'], [], ['100'], ['102', '101', '100']]


def test_results_come_while_pictures_are_still_taken():
    reader = ColorReader()
    pictures = (painted(BOXES) for _ in range(1000))
    scenes = spotter(reader).iter_spot(pictures, ([quad(*BOXES[0])] for _ in range(1000)),
                                       batch_size=2)
    assert [next(scenes).words[0].text for _ in range(3)] == ['100'] * 3
    assert reader.taken < 8


def test_char_polygons_of_turned_words():
    # Along a side that rises by 3 for 4 to the right, 50 long and 30 high.
    points = np.array([[40, 80], [80, 50], [98, 74], [58, 104]], np.float64)
    scene, = spotter(margin=(0, 0))(np.full((200, 200, 3), 123, np.uint8), [[points]])
    word, = scene.words
    first, _, last = np.array(word.char_polygons)
    assert word.text == '123'
    assert np.allclose(first[[0, 3]], points[[0, 3]]) and np.allclose(last[1:3], points[1:3])
    assert np.allclose(first[1], points[0] + (points[1] - points[0]) / 3)


class LineReader(ColorReader):
    """Reads two words, the second of half the length, whatever is shown."""

    def read(self, source, boxes):
        width, height = picture_of(source).shape[1::-1]
        places = [[x * width / 10, 0, (x + 2) * width / 10, height] for x in (0, 2, 4, 8)]
        return WordResult(None, 'ab c', .3, [.9, .8, .6, .5], places if boxes else None)


class TestLines:
    slanted = np.array([[40, 80], [80, 50], [98, 74], [58, 104]], np.float64)  # 50 by 30
    curved = np.array([[10, 20], [60, 10], [110, 20], [110, 40], [60, 30], [10, 40]], np.float64)

    def words(self, outline, given=False, boxes=True, reader=None, **options):
        spot = spotter(reader or LineReader(), det=lambda image: ([outline], [.7]), margin=(0, 0),
                       **{'score_thr': 0, **options})
        scene, = spot(np.full((200, 200, 3), 123, np.uint8), [[outline]] if given else None,
                      return_char_polygons=boxes)
        return scene

    def test_a_line_becomes_its_words(self):
        first, second = self.words(self.slanted).words
        assert (first.text, second.text) == ('ab', 'c')
        assert first.score == pytest.approx(.72) and second.score == pytest.approx(.5)
        assert (first.char_scores, second.char_scores) == ([.9, .8], [.5])
        assert first.det_score == second.det_score == .7
        # 50 long, 30 high: 4 tenths and a tenth of the height, the last two tenths and as much.
        along, down = np.array([40, -30]) / 50, np.array([18, 24])
        for word, begin, end in ((first, 0, 23), (second, 37, 50)):
            corners = self.slanted[0] + np.array([begin, end, end, begin])[:, None] * along
            assert np.allclose(word.polygon, corners + np.array([0, 0, 1, 1])[:, None] * down,
                               atol=.1)  # crops are whole pixels wide
        assert np.allclose(np.array(second.char_polygons)[0][0], self.slanted[0] + 40 * along)
        assert self.words(self.slanted, boxes=False).words[1].char_polygons is None

    def test_curved_lines_keep_their_bend(self):
        first, second = self.words(self.curved).words
        assert len(first.polygon) == len(second.polygon) == 10
        area, *parts = (cv2.contourArea(np.float32(p))
                        for p in (self.curved, first.polygon, second.polygon))
        assert .6 * area < sum(parts) < .9 * area

    def test_without_places_characters_share_the_line(self):
        reader = LineReader()
        reader.read = lambda source, boxes: WordResult(None, 'ab c', .3, [.9, .8, .6, .5])
        first, second = self.words(self.slanted, reader=reader).words
        assert (first.text, second.text) == ('ab', 'c') and first.char_polygons is None
        # Quarters of 50; each ends a tenth of the height, 3, beyond its last.
        along = (self.slanted[1] - self.slanted[0]) / 50
        assert np.allclose(first.polygon[1], self.slanted[0] + 28 * along, atol=.1)
        assert np.allclose(second.polygon[0], self.slanted[0] + 34.5 * along, atol=.1)

    @pytest.mark.parametrize('whole, texts', [(.2, ['50', '50']), (.3, ['255'])])
    @pytest.mark.parametrize('split, spaces', [(True, False), (False, False), (True, True)])
    def test_gaps_are_cut_where_the_parts_are_read_with_more_confidence(self, whole, texts, split,
                                                                        spaces):
        picture = np.full((60, 200, 3), 255, np.uint8)
        picture[22:38, 12:90] = picture[22:38, 110:188] = 50
        # .5 for each of two parts is .25 to the power of 1 / 6 for a character or an end; the
        # whole, three characters and an end, has to have .25 to the power of 4 / 6, .397.
        reader = ColorReader(lambda image: .5 if image.shape[1] < 200 else whole + .15)
        # A reader that knows the space is asked for it.
        reader.characters = {'0', ' '} if spaces else {'0'}
        scene, = spotter(reader, det=lambda image: [quad(10, 20, 190, 40)], margin=(0, 0),
                         split_lines=split, score_thr=0)(picture)
        assert [word.text for word in scene.words] == (texts if split and not spaces else ['255'])
        if len(scene.words) == 2:
            assert np.allclose(scene.words[0].polygon, [[10, 20], [92, 20], [92, 40], [10, 40]],
                               atol=1)

    def test_words_have_scores_of_their_own(self):
        scene = self.words(self.slanted, score_thr=.6)
        assert [word.text for word in scene.words] == ['ab']
        assert "reading 'c' has a score of 0.500" in scene.skipped[0].reason

    @pytest.mark.parametrize('options', [dict(given=True), dict(split_lines=False)])
    def test_whole_lines(self, options):
        word, = self.words(self.slanted, **options).words
        assert (word.text, word.score) == ('ab c', .3) and len(word.char_polygons) == 4
        assert word.polygon == self.slanted.tolist()


class TestVerticalWords:
    """The reader believes most in crops that are brightest on their left."""
    picture = np.repeat(np.repeat(np.linspace(250, 50, 90).astype(np.uint8)[:, None, None], 60, 1),
                        3, 2)
    tall = quad(20, 10, 40, 80)

    def run(self, picture, **options):
        def score(image):
            return float(image[:, :image.shape[1] // 4].mean()) / 300

        reader = ColorReader(score)
        scene, = spotter(reader, **options)(np.ascontiguousarray(picture), [[self.tall]])
        return scene.words[0], reader

    def test_the_better_direction(self):
        word, reader = self.run(self.picture)
        assert len(reader.sizes) == 3
        # Downwards: the first character is at the upper end, its top on the right.
        first = np.array(word.char_polygons[0])
        assert first[0][0] > 39 and first[0][1] < 11 and first[3][0] < 21
        word, _ = self.run(self.picture[::-1])
        first = np.array(word.char_polygons[0])
        assert first[0][0] < 21 and first[0][1] > 79

    @pytest.mark.parametrize('turn', ['downwards', 'never'])
    def test_one_way(self, turn):
        word, reader = self.run(self.picture[::-1], turn=turn)
        (width, height), = reader.sizes
        assert (width > height) == (turn == 'downwards')
        left, top = word.char_polygons[0][0]
        assert top < 11 if turn == 'downwards' else left < 21
        assert len(self.run(self.picture, vertical_ratio=4)[1].sizes) == 1

def test_what_cannot_be_read_is_reported():
    regions = [
        (quad(*BOXES[0]), None),
        ([0, 0, 50, 50, 50, 0, 0, 50], 'crosses or touches itself'),
        (quad(195, 95, 295, 195), 'all but 0.25 % of its area outside'),
        ('word', 'no list of coordinates'),
        ([math.nan] * 8, 'not finite'),
        (quad(10, 10, 11, 90), 'only 1.0 pixels wide or high'),
    ]
    scene, = spotter()(painted(BOXES), [[region for region, _ in regions]])
    assert [word.text for word in scene.words] == ['100']
    assert len(scene.skipped) == len(regions) - 1
    for skipped, (_, reason) in zip(scene.skipped, regions[1:]):
        assert reason in skipped.reason
    assert json.loads(json.dumps(scene.to_dict(), allow_nan=False))['words'][0]['text'] == '100'
    scene, = spotter(ColorReader(lambda image: .05), score_thr=.1)(painted(BOXES),
                                                                   [[quad(*BOXES[0])]])
    assert scene.words == []
    assert scene.skipped[0].reason == "the reading '100' has a score of 0.050, below 0.1"


def test_a_floor_of_scores_for_what_was_detected():
    regions = [quad(*box) for box in BOXES]
    reader = ColorReader(lambda image: .99 if image[20, 20, 0] == 101 else SCORE_FLOOR - .01)
    detected, = spotter(reader, det=lambda image: regions)(painted(BOXES))
    assert [word.text for word in detected.words] == ['101']
    assert f'has a score of {SCORE_FLOOR - .01:.3f}, below {SCORE_FLOOR:g}' in (
        detected.skipped[0].reason)
    # People know where words are.
    given, = spotter(reader)(painted(BOXES), [regions])
    assert [word.text for word in given.words] == ['100', '101', '102']


def test_pictures_that_cannot_be_read(tmp_path):
    (tmp_path / 'empty.png').write_bytes(b'')
    inputs = [str(tmp_path / 'none.png'), painted(BOXES), str(tmp_path / 'empty.png'), None]
    scenes = spotter()(inputs, [[quad(*BOXES[0])]] * 4)
    assert [scene.error for scene in scenes[::2]] == [
        'there is no such file or folder', 'the file is empty']
    assert 'None is no picture' in scenes[3].error
    assert scenes[1].words[0].text == '100' and scenes[0].words == []
    assert 'error' in scenes[0].to_dict() and 'error' not in scenes[1].to_dict()


@pytest.mark.parametrize('inputs, polygons, words', [
    (painted([]), None, 'there is no detector'),
    (painted([]), [[], []], 'more pictures than there are, 1'),
    ([painted([])] * 2, [[]], 'given for 1 pictures, but there are more'),
    ([painted([])] * 2, [[]] * 3, 'more pictures than there are, 2'),
])
def test_polygons_that_do_not_fit(inputs, polygons, words):
    with pytest.raises(ValueError, match=words):
        spotter()(inputs, polygons)


@pytest.mark.parametrize('options, error, words', [
    (dict(turn='upwards'), ValueError, 'turn must be one of'),
    (dict(margin=(-1, 0)), ValueError, 'margin must be two shares'),
    (dict(vertical_ratio=.5), ValueError, 'vertical_ratio must be at least 1'),
    (dict(det='none.py'), FileNotFoundError, "no config of a detector at 'none.py'"),
    (dict(det='dbnet', det_weights='none.pth'), FileNotFoundError, 'no weights of a detector'),
    (dict(det_weights='none.pth'), ValueError, 'det_weights need det'),
    (dict(det=Config(dict())), ValueError, 'needs det_weights'),
])
def test_wrong_arguments(options, error, words):
    with pytest.raises(error, match=words):
        spotter(**options)


class TestDetectors:

    def test_a_function(self):
        shift = np.roll(np.reshape(quad(*BOXES[0]), (4, 2)), 2, 0).reshape(-1)

        def detect(image):
            assert image.shape == (100, 200, 3)
            return [shift, quad(*BOXES[1])], torch.tensor([.8, .2])

        scene, = spotter(det=detect)(painted(BOXES))
        word, = scene.words
        assert word.det_score == pytest.approx(.8) and word.text == '100'
        # Wherever a detected polygon begins, it is read from the left.
        assert word.char_polygons[0][0][0] < word.char_polygons[1][0][0]
        assert scene.skipped[0].reason == 'the detection score 0.200 is below 0.3'
        # Without scores, with none found, with too few scores.
        scene, = spotter(det=lambda image: [quad(*BOXES[0])])(painted(BOXES))
        assert scene.words[0].det_score is None
        assert spotter(det=lambda image: [])(painted(BOXES))[0].words == []
        scene, = spotter(det=lambda image: ([quad(*BOXES[0])], []))(painted(BOXES))
        assert 'detector failed: a detector returns' in scene.error

    def test_one_of_mmocr(self, tmp_path):
        cfg = get_config('mmocr::textdet/dbnet/dbnet_resnet18_fpnc_1200e_icdar2015.py')
        cfg.model.backbone.init_cfg = None
        cfg.model.det_head.postprocessor.text_repr_type = 'quad'
        for step in cfg.test_dataloader.dataset.pipeline:
            if step['type'] == 'Resize':
                step['scale'] = (160, 96)
        torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), tmp_path / 'det.pth')
        spot = spotter(det=cfg, det_weights=tmp_path / 'det.pth', device='cpu', det_score_thr=0)
        pictures = [np.random.default_rng(0).integers(0, 255, size, dtype=np.uint8)
                    for size in ((40, 60, 3), (1, 1, 3))]
        scenes = spot(pictures)
        assert [scene.size for scene in scenes] == [(60, 40), (1, 1)]
        found = [word for scene in scenes for word in (*scene.words, *scene.skipped)]
        assert found and all(np.shape(word.polygon)[1] == 2 for word in found)


def test_a_thousand_words_of_a_picture_are_cut_out_bit_by_bit():
    alive = []

    class CountingReader(ColorReader):

        def iter_read(self, inputs, **options):
            return super().iter_read(map(self.counted, inputs), **options)

        def counted(self, source):
            alive[:] = [crop for crop in alive if crop() is not None]
            alive.append(weakref.ref(source.content))
            assert len(alive) < 70
            return source

    polygons = [quad(x, y, x + 18, y + 18) for x in range(0, 2000, 20) for y in range(0, 200, 20)]
    scene, = spotter(CountingReader())(np.full((200, 2000, 3), 77, np.uint8), [polygons])
    assert [word.text for word in scene.words] == ['77'] * 1000


def test_with_a_recognizer(tmp_path):
    files = reader_files(tmp_path)
    picture = np.random.default_rng(0).integers(0, 255, (100, 200, 3), dtype=np.uint8)
    cv2.putText(picture, 'word', (15, 35), 0, 1, (0, 0, 0), 3)
    spot = SceneInferencer(None, rec=files[0], rec_weights=files[1], device='cpu')
    scene, = spot(picture, [[quad(*BOXES[0]), quad(10, 10, 20, 90)]])
    assert len(scene.words) == 2 and scene.words[0].text
    for word in scene.words:
        assert len(word.char_scores) == len(word.char_polygons) == len(word.text)
    # The same crop by itself reads the same.
    alone = WordInferencer(*files, device='cpu')
    with pytest.raises(ValueError, match='rec_weights cannot be given'):
        SceneInferencer(None, rec=alone, rec_weights=files[1])
    same, = SceneInferencer(None, rec=alone)(picture, [[quad(*BOXES[0])]])
    assert same.words[0].text == scene.words[0].text
    assert same.words[0].score == pytest.approx(scene.words[0].score, rel=1e-4)


def test_a_context_goes_to_the_reader(tmp_path):
    files = reader_files(tmp_path)
    pool = ContextPool()
    pool.add(word_pictures(3), ['ab', 'cd', 'ef'])
    spot = SceneInferencer(None, rec=files[0], rec_weights=files[1], device='cpu', context=pool,
                           shots=2)
    assert spot.recognizer.context.pool is pool and spot.recognizer.context.shots == 2
    with pytest.raises(ValueError, match='give it to the reader'):
        SceneInferencer(None, rec=spot.recognizer, context=pool)
