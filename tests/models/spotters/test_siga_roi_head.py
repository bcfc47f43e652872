"""The head in the place of the RoI head of a detector that predicts Bezier borders."""
import numpy as np
import pytest
import torch
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample

from tests.helpers.spotters import rec_head


@MODELS.register_module()
class MeanRoIExtractor(BaseModule):
    """A stand-in with the interface of ABCNet's: one grid for each instance of each picture."""

    def forward(self, feats, proposals):
        counts = torch.tensor([len(p) for p in proposals])
        pooled = torch.nn.functional.adaptive_avg_pool2d(feats[0], (8, 32))
        return pooled.repeat_interleave(counts, 0)


def control(left, top, right, bottom):
    """Straight Bezier borders, clockwise."""
    x = np.linspace(left, right, 4)
    return np.concatenate([np.stack([x, np.full(4, top)], 1),
                           np.stack([x[::-1], np.full(4, bottom)], 1)]).reshape(-1)


def sample(texts, ignored=None, pred=False):
    instances = InstanceData()
    boxes = [control(8, 8 + 20 * i, 72, 24 + 20 * i) for i in range(len(texts))]
    instances.beziers = torch.tensor(np.array(boxes), dtype=torch.float32).reshape(-1, 16)
    if not pred:
        instances.texts = list(texts)
        instances.ignored = torch.tensor(ignored or [False] * len(texts), dtype=torch.bool)
    out = TextDetDataSample(**{'pred_instances' if pred else 'gt_instances': instances})
    out.set_metainfo(dict(img_shape=(96, 96)))
    return out


def build(extractor='RegionExtractor', **changes):
    torch.manual_seed(0)
    head = rec_head('shared', glyph_head=changes.pop('glyph_head', False))
    return MODELS.build(dict(type='SIGARoIHead', roi_extractor=dict(type=extractor), rec_head=head,
                             **changes))


def maps(count):
    torch.manual_seed(1)
    return (torch.randn(count, 16, 24, 24, requires_grad=True), )


@pytest.mark.parametrize('extractor', ['RegionExtractor', 'MeanRoIExtractor'])
def test_losses_and_readings_after_any_extractor(extractor):
    head, feats = build(extractor), maps(2)
    losses = head.loss(feats, [sample(['ab', 'c']), sample(['de'])])
    sum(losses.values()).backward()
    assert 'loss_word' in losses and feats[0].grad.abs().sum() > 0
    head.eval()
    out = head.predict(feats, [sample(['?', '?'], pred=True), sample([], pred=True)])
    first, second = (s.pred_instances for s in out)
    assert len(first.texts) == 2 and all(isinstance(t, str) for t in first.texts)
    assert [len(s) for s in first.text_scores] == [len(t) for t in first.texts]
    assert second.texts == []
    # What ABCNet's RecRoIHead calls: the recognition head with features and a list of instances.
    proposals = [sample(['ab', 'c']).gt_instances, sample(['de']).gt_instances]
    features = MeanRoIExtractor()(feats, proposals)
    assert 'loss_word' in head.rec_head.loss(features, proposals)
    assert len(head.rec_head.predict(features, None)) == 3


def test_ignored_words_and_pictures_without_words():
    head, feats = build().eval(), maps(2)
    losses = head.loss(feats, [sample(['ab', 'cde'], [False, True]), sample([])])
    alone = head.loss((feats[0][:1], ), [sample(['ab'])])
    assert losses['loss_word'].item() == pytest.approx(alone['loss_word'].item(), rel=1e-5)
    for samples in ([sample([]), sample(['ab'], [True])], [sample([]), sample([])]):
        losses = head.loss(feats, samples)
        assert losses['loss_nothing_to_read'] == 0
        losses['loss_nothing_to_read'].backward()


def test_text_masks_of_gray_pictures():
    head, feats = build(glyph_head=True), maps(2)
    samples = [sample(['ab']), sample(['c', 'de'])]
    with pytest.raises(ValueError, match='ScenePreprocessor'):
        head.loss(feats, samples)
    preprocessor = MODELS.build(dict(type='ScenePreprocessor', mean=[10, 20, 30], std=[2, 2, 2],
                                     bgr_to_rgb=True))
    picture = torch.zeros(3, 96, 96, dtype=torch.uint8)
    picture[:, 8:24, 8:72] = 200
    data = preprocessor(dict(inputs=[picture, picture // 2], data_samples=samples), True)
    gray = data['data_samples'][0].gray_picture.data
    assert gray.shape == (1, 96, 96)
    assert gray[0, 10, 10].item() == pytest.approx(200, abs=1e-3)
    seen = []
    loss = head.rec_head.glyph_head.loss
    head.rec_head.glyph_head.loss = lambda gray, *rest, **more: (
        seen.append(gray) or loss(gray, *rest, **more))
    losses = head.loss(feats, data['data_samples'])
    assert 'loss_mask' in losses
    # The first word of each picture is just its bright rectangle.
    assert seen[0].shape == (3, 32, 128)
    torch.testing.assert_close(seen[0][:2, 4:28, 4:-4].mean((1, 2)), torch.tensor([200., 100.]))
    data = preprocessor(dict(inputs=[picture], data_samples=[sample([])]), False)
    assert 'gray_picture' not in data['data_samples'][0]
