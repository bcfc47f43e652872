import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, LabelData
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample

from mmocr_siga.models.spotters.regions import detected_regions
from tests.helpers.spotters import TWO_WORDS, rec_head, rectangle, scene, tiny_spotter


def build(head=None, **changes):
    torch.manual_seed(0)
    return MODELS.build(tiny_spotter(head, **changes))


def pictures(count=1, size=(96, 128)):
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize('half', [False, True])
@pytest.mark.parametrize('reads, parallel', [('shared', False), ('shared', True),
                                             ('picture', False), ('picture', True)])
def test_both_losses_teach_all_of_the_model(reads, parallel, half):
    model = build(rec_head(reads, parallel))
    if reads == 'picture':
        for projection in model.rec_head.shared:  # they start at zero, and so do their gradients
            torch.nn.init.normal_(projection.weight)
    with torch.autocast('cpu', torch.bfloat16, enabled=half):
        losses = model.loss(pictures(2), [scene(TWO_WORDS), scene(TWO_WORDS[:1])])
    assert losses['rec_words'] == 3 and losses['rec_left_out'] == 0
    assert {'det_loss_prob', 'det_loss_thr', 'det_loss_db', 'rec_loss_word',
            'rec_loss_mask'} <= set(losses)
    assert all(v.isfinite() for v in losses.values())
    reading = sum(v for k, v in losses.items() if k.startswith('rec_loss'))
    reading.backward(retain_graph=True)
    # Reading reaches the detector's backbone.
    assert model.backbone.conv1.weight.grad.abs().sum() > 0
    model.parse_losses(losses)[0].backward()
    assert not [n for n, p in model.named_parameters()
                if p.grad is None or not p.grad.isfinite().all()]


def test_weights_of_the_losses():
    samples = [scene(TWO_WORDS)]
    options = dict(jitter=0, grow=(0, 0))
    plain = build(**options).eval().loss(pictures(), samples)
    other = build(det_weight=2, rec_weight=0.5, **options).eval().loss(pictures(), samples)
    for name, value in plain.items():
        factor = 2 if name.startswith('det_') else 0.5 if name.startswith('rec_loss') else 1
        assert other[name].item() == pytest.approx(factor * value.item(), rel=1e-5), name


@pytest.mark.parametrize('words,ignored,faults', [
    ([], [], 0),
    (TWO_WORDS, [True, True], 0),
    ([(rectangle(10, 10, 60, 30), '###'), (rectangle(10, 40, 60, 60), '!?')], None, 0),
    ([(np.array([5., 5.]), 'ab'), (np.array([]), 'ab'), (rectangle(500, 10, 600, 30), 'ab'),
      (np.array([10, 10, 60, 40, 60, 10, 10, 40]), 'ab')], None, 4),
    ([(rectangle(-1e8, 10, 1e8, 30), 'ab')], None, 1),
])
def test_scenes_with_nothing_to_read_train_detection_alone(words, ignored, faults):
    model = build()
    losses = model.loss(pictures(), [scene(words, ignored=ignored)])
    assert losses['rec_words'] == 0 and losses['rec_loss_nothing_to_read'] == 0
    assert losses['faulty_polygons'] == faults
    total, _ = model.parse_losses(losses)
    assert total.isfinite()
    total.backward()
    # What data parallel training waits for: a gradient for every weight.
    assert not [n for n, p in model.named_parameters() if p.grad is None]


def test_no_more_than_max_regions_are_read():
    words = [(rectangle(10, y, 60, y + 12), 'ab') for y in range(5, 80, 15)]
    losses = build(max_regions=2).loss(pictures(2), [scene(words), scene(words)])
    assert losses['rec_words'] == 2 and losses['rec_left_out'] == 8
    assert losses['rec_backgrounds'] <= 2


def test_backgrounds_are_read_as_nothing():
    model = build(background_regions=2.0)
    seen = {}
    loss = model.rec_head.loss
    model.rec_head.loss = lambda *args: seen.update(args=args) or loss(*args)
    losses = model.loss(pictures(2), [scene(TWO_WORDS[:1]), scene([])])
    # Two for the word, one for the picture without words.
    assert losses['rec_words'] == 1 and losses['rec_backgrounds'] == 3
    features, samples, picture, gray, backgrounds = seen['args']
    assert backgrounds == 3 and [s.gt_text.item for s in samples] == ['ab']
    assert len(features) == len(picture) == len(gray) == 4
    losses = build(background_regions=0).loss(pictures(2), [scene([]), scene([])])
    assert losses['rec_backgrounds'] == 0 and losses['rec_loss_nothing_to_read'] == 0
    assert not [name for name in losses if name.startswith('rec_loss_word')]


def test_regions_are_cut_from_their_own_picture():
    model = build(picture_rectifier=dict(type='RegionRectifier', size=(8, 16)))
    inputs = torch.stack([torch.full((3, 96, 128), 1.), torch.full((3, 96, 128), 2.)])
    words = detected_regions([[rectangle(10, 10, 60, 30)], [rectangle(20, 50, 110, 80)] * 2],
                             [(96, 128)] * 2, 4)
    shared, picture = model.rectify(inputs, model.extract_feat(inputs), words)
    assert shared.shape == (3, 16, 16, 64)
    assert picture[:, 0].mean((1, 2)).tolist() == [1, 2, 2]


def with_results(polygons, answers=None, **options):
    """A model as if its detector had found polygons of the picture that was loaded and, if they are
    given, its head had read pairs of a text and scores."""
    def detect(features, data_samples):
        for sample in data_samples:
            found = InstanceData(scores=torch.linspace(0.5, 0.9, len(polygons)))
            found.polygons = list(polygons)
            sample.pred_instances = found
        return data_samples

    def read(shared, picture, char_boxes):
        chunks.append(len(shared))
        return [TextRecogDataSample(pred_text=LabelData(item=text, score=scores, char_boxes=BOXES))
                for text, scores in (next(given) for _ in shared)]

    model, chunks = build(**options).eval(), []
    model.det_head.predict = detect
    if answers is not None:
        given, model.rec_head.predict = iter(answers), read
    return model, chunks


BOXES = np.array([[0, 0, 0.5, 1], [0.5, 0.25, 1, 0.75]])


def test_predictions_are_in_pixels_of_the_loaded_picture():
    model, _ = with_results([rectangle(20, 20, 120, 60)], [('ab', [1, .5])], min_text_score=0.0,
                            char_polygons=True)
    seen = {}
    rectify = model.rectify
    model.rectify = lambda *args: seen.update(words=args[2]) or rectify(*args)
    out, = model.predict(pictures(), [scene([], scale=(0.5, 0.25))])
    assert seen['words'].borders[0, :, [0, -1]].tolist() == [[[10, 5], [60, 5]],
                                                             [[10, 15], [60, 15]]]
    found = out.pred_instances
    np.testing.assert_array_equal(found.polygons[0], rectangle(20, 20, 120, 60))
    assert found.texts == ['ab'] and found.char_scores == [[1, .5]]
    assert found.text_scores.tolist() == [0.75] and found.scores.tolist() == [0.5]
    np.testing.assert_allclose(found.char_polygons[0], [rectangle(20, 20, 70, 60),
                                                        rectangle(70, 30, 120, 50)], atol=1e-4)


def test_words_are_read_in_chunks_and_filtered_by_their_scores():
    polygons = [rectangle(10, 10, 60, 30), [1, 1, 2, 2], rectangle(20, 50, 110, 80),
                rectangle(5, 5, 50, 40), rectangle(9, 9, 50, 40)]
    model, chunks = with_results(
        polygons, [('good', [0.9] * 4), ('bad', [0.5] * 3), ('', []), ('edge', [0.6] * 4)],
        min_text_score=0.6, read_chunk=3)
    found = model.predict(pictures(), [scene([])])[0].pred_instances
    # The second polygon encloses nothing.
    assert found.texts == ['good', 'edge'] and chunks == [3, 1]
    assert found.scores.tolist() == pytest.approx([0.5, 0.9])
    assert len(found.polygons) == 2 and 'char_polygons' not in found


def test_characters_of_a_real_reading_and_nothing_found():
    for polygons in ([rectangle(20, 20, 120, 60)], []):
        model, _ = with_results(polygons, char_polygons=True, min_text_score=0.0)
        found = model.predict(pictures(), [scene([])])[0].pred_instances
        assert [p.shape for p in found.char_polygons] == [(len(t), 8) for t in found.texts]
    assert found.texts == [] and found.polygons == [] and found.text_scores.shape == (0, )


@pytest.mark.parametrize('size', [(1, 1), (3, 700)])
def test_pictures_of_any_size_pass(size):
    model = build().eval()
    batch = model.data_preprocessor(dict(
        inputs=[torch.randint(0, 256, (3, *size), dtype=torch.uint8)],
        data_samples=[scene([], size=size)]), False)
    with torch.no_grad():
        out, = model(**batch, mode='predict')
    assert len(out.pred_instances.texts) == len(out.pred_instances.polygons)


def test_it_takes_the_weights_of_dbnet():
    config = tiny_spotter()
    detector = MODELS.build(dict(type='DBNet', **{
        k: config[k] for k in ('data_preprocessor', 'backbone', 'neck', 'det_head')}))
    state = detector.state_dict()
    missing, unexpected = build().load_state_dict(state, strict=False)
    assert not unexpected and all(name.startswith('rec_head.') for name in missing)


def test_wrong_arguments_are_named():
    for wrong in (dict(max_regions=0), dict(read_chunk=0),
                  dict(grow=(0.3, 0.1)), dict(background_regions=-0.1)):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            build(**wrong)
