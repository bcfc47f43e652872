"""What explains a word is what the recognizer's own parts give when they are asked one by one."""
import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample

from mmocr_siga.inference.explain import explain, explain_batch
from mmocr_siga.models.plugins import teacher_forced_attention
from mmocr_siga.text.dictionary import resolve_dict_file
from mmocr_siga.visualization import draw_reading
from tests.helpers.mmocr_models import RECOGNIZERS, batch, build_small
from tests.helpers.readers import PIPELINE, word_picture
from tests.helpers.words import DICTIONARY, sample, tiny_model


def build(cfg):
    torch.manual_seed(0)
    return MODELS.build(cfg).eval()


def words(*ratios):
    """Noise of 32 x 128 and samples that may be padded."""
    samples = [sample('ab', ratio) for ratio in ratios]
    return torch.randn(len(ratios), 3, 32, 128), samples


def endless(model):
    """A model whose words have all the characters that there is room for."""
    with torch.no_grad():
        model.decoder.reader.classifier.bias[36] -= 100
    return model


def test_every_part_of_siga():
    model = endless(build(tiny_model()))
    inputs, samples = words(1.0, 0.5)
    first, second = explain_batch(model, inputs, samples)
    with torch.no_grad():
        encoding = model.encoder(model.extract_feat(inputs), samples)
        tokens = model.decoder.forward_test(None, encoding).argmax(-1)
        previous = torch.cat([torch.full((2, 1), 37), tokens[:, :-1]], 1)
        attention = model.glyph_head.aligner(encoding.sequence, previous, encoding.valid)[1]
        logits = model.glyph_head.segmentation([encoding.mask_feature])
    for i, (word, given) in enumerate(zip((first, second), samples)):
        assert word.text == given.pred_text.item == model.decoder.dictionary.idx2str(
            tokens[i].tolist())
        assert word.scores == pytest.approx(given.pred_text.score)
        np.testing.assert_allclose(word.attention, attention[i], rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(word.text_mask, (logits[i, 1] > logits[i, 0]).numpy())
        for scale, maps in encoding.glyph_maps.items():
            np.testing.assert_allclose(word.glyph_maps[scale], maps[i].softmax(0)[1:9], rtol=1e-5)
        assert word.char_boxes.shape == (8, 4)
        assert (word.char_boxes >= 0).all() and (word.char_boxes <= [128, 32, 128, 32]).all()
        assert (np.diff(word.char_boxes[:, 0]) >= 0).all()
    assert first.whole and not second.whole
    # Padding is not attended to.
    assert (second.attention[:, 16:] == 0).all() and (first.attention[:, 16:] > 0).all()


def test_nothing_of_the_model_changes():
    model = build(tiny_model())
    before = {key: value.clone() for key, value in model.state_dict().items()}
    explain_batch(model, *words(1.0, 1.0))
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not any(m.training for m in model.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    with pytest.raises(ValueError, match=r'call model.eval\(\) first'):
        explain_batch(model.train(), *words(1.0))


def test_an_empty_word_on_the_picture_that_the_backbone_saw():
    model = build(tiny_model())
    with torch.no_grad():
        model.decoder.reader.classifier.bias[36] += 100
    picture = torch.randint(0, 256, (3, 32, 128), dtype=torch.uint8)
    data = model.data_preprocessor(dict(inputs=[picture], data_samples=[sample('ab')]), False)
    word, = explain_batch(model, **data)
    np.testing.assert_array_equal(word.image, picture.permute(1, 2, 0).numpy())
    assert word.text == '' and word.scores == () and word.char_boxes.shape == (0, 4)
    assert word.attention.shape == (0, 32) and word.glyph_maps['fine'].shape == (0, 16, 64)


@pytest.mark.parametrize('kind, path, width', [
    ('srn', 'decoder.pvam', 64), ('parallel', 'decoder.visual', 32), ('siga', 'decoder.steps', 32)])
def test_without_a_head_it_is_the_attention_of_the_decoder(kind, path, width):
    model, seen = build(tiny_model(kind, glyph_head=None)), []
    model.get_submodule(path).register_forward_hook(lambda m, args, out: seen.append(out.attention))
    word, = explain_batch(model, *words(1.0))
    length = len(word.characters)
    assert length > 0 and len(seen) == 1
    rows = seen[0][0].unflatten(1, (-1, width)).sum(1)[:length]
    np.testing.assert_allclose(word.attention, rows, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(word.attention.sum(1), 1, rtol=1e-5)
    assert word.text_mask is None and bool(word.glyph_maps) == (kind != 'srn')


def test_attention_on_single_pixels_lies_where_they_are():
    model = build(dict(
        tiny_model('plain', glyph_head=None), backbone=None, encoder=dict(
            type='PixelTokenEncoder', tokens=50, embed_dim=8, depth=1, num_heads=2)))
    inputs, samples = words(0.5, 1.0)
    found = explain_batch(model, inputs, samples)
    encoding = model.encode(inputs, samples)[1]
    attention = model.decoder.decode(encoding, samples).attention.detach()
    for i, word in enumerate(found):
        taken = {(x, y): k for k, (x, y) in enumerate(encoding.places[i].long().tolist())
                 if encoding.valid[i, k]}
        assert word.pixels.shape == (len(word.characters), 32, 128) and len(taken) == 50
        assert {(x, y) for y, x in zip(*np.nonzero(~np.isnan(word.pixels[0])))} == set(taken)
        for (x, y), k in taken.items():
            np.testing.assert_allclose(word.pixels[:, y, x],
                                       attention[i, :len(word.characters), k], rtol=1e-5)
        np.testing.assert_allclose(word.attention.sum(1), 1, rtol=1e-5)
        np.testing.assert_allclose(word.attention, np.nansum(word.pixels, 1))
    assert np.isnan(found[0].pixels[:, :, 64:]).all()
    model.cfg = Config(dict(test_dataloader=dict(dataset=dict(pipeline=PIPELINE))))
    assert draw_reading(word_picture(), **explain(model, word_picture())).ndim == 3


@pytest.mark.parametrize('name', sorted(RECOGNIZERS))
def test_recognizers_of_mmocr(name):
    model, size = build_small(name).eval(), RECOGNIZERS[name][2]
    torch.manual_seed(1)
    inputs, samples = batch(size, words=('abc', ), ratios=(1.0, ))
    torch.manual_seed(2)
    word, = explain_batch(model, inputs, samples)
    assert word.text == samples[0].pred_text.item
    assert word.glyph_maps == {} and word.char_boxes is None and word.text_mask is None
    if name == 'aster':
        assert word.image.shape == (32, 100, 3) and not word.whole
    told = TextRecogDataSample.new(samples[0])
    told.gt_text.item = word.text
    want = teacher_forced_attention(model, inputs, [told])[0].sum(1)[:len(word.characters)]
    if word.attention is not None:
        np.testing.assert_allclose(word.attention, want, rtol=1e-4, atol=1e-6)
    else:
        assert len(want) < len(word.characters)


def test_a_recognizer_without_attention():
    model = build(dict(
        type='CRNN', backbone=dict(type='MiniVGG', leaky_relu=False, input_channels=3),
        decoder=dict(type='CRNNDecoder', in_channels=512, rnn_flag=True,
                     module_loss=dict(type='CTCModuleLoss', letter_case='lower'),
                     postprocessor=dict(type='CTCPostProcessor'),
                     dictionary=dict(type='Dictionary', with_padding=True,
                                     dict_file=resolve_dict_file('36'))),
        data_preprocessor=dict(type='TextRecogDataPreprocessor', mean=[127], std=[127])))
    word, = explain_batch(model, *words(1.0))
    assert word.attention is None and word.glyph_maps == {} and word.text_mask is None
    assert len(word.characters) == len(word.scores)


@pytest.mark.parametrize('feed', [False, True])
def test_glyph_maps_of_a_plugin(feed):
    model = build_small('sar_parallel', type='PluggedRecognizer', plugins=dict(glyph=dict(
        type='GlyphPlugin', backbone_maps=('backbone.relu2', 'backbone.relu3'), in_channels=(8, 8),
        feature_channels=16, channels=6, hidden_size=5, max_seq_len=4, feed=feed))).eval()
    calls = []
    model.plugins['glyph'].fusion.register_forward_hook(lambda *call: calls.append(call[2]))
    inputs, samples = batch((48, 80))
    read = explain_batch(model, inputs, samples)
    for i, word in enumerate(read):
        maps = model.plugins['glyph'].glyph_maps['fine'](calls[-1][0]).softmax(1)[i, 1:]
        length = len(word.characters)
        assert length > 4  # more than the plug-in has maps for
        np.testing.assert_allclose(word.glyph_maps['fine'][:4], maps.detach(), rtol=1e-4, atol=1e-6)
        assert (word.glyph_maps['fine'][4:] == 0).all() and len(word.glyph_maps['fine']) == length
        assert np.isnan(word.char_boxes[4:]).all() and np.isfinite(word.char_boxes[:4]).all()
        assert word.text_mask.dtype == bool and word.text_mask.shape == (48, 80)


def test_tokens_for_unknown_characters_are_one_character():
    model = endless(build(tiny_model(decoder=dict(
        tiny_model()['decoder'], dictionary=dict(DICTIONARY, unknown_token='<UKN>')),
        glyph_head=None)))
    with torch.no_grad():
        model.decoder.reader.classifier.bias[model.decoder.dictionary.unknown_idx] += 200
    word, = explain_batch(model, *words(1.0))
    assert word.characters == ('<UKN>', ) * 8 and word.text == '<UKN>' * 8
    assert len(word.scores) == 8 and min(word.scores) > 0.99


def configured(**changes):
    model = build(tiny_model(**changes))
    model.cfg = Config(dict(test_dataloader=dict(dataset=dict(pipeline=PIPELINE))))
    return model


def test_a_file_and_its_picture(tmp_path):
    model, picture = endless(configured()), word_picture()
    cv2.imwrite(str(tmp_path / 'word.png'), picture)
    got = explain(model, str(tmp_path / 'word.png'))
    resized = cv2.resize(picture, (128, 32), interpolation=cv2.INTER_CUBIC)
    resized = torch.from_numpy(resized).permute(2, 0, 1)
    data = model.data_preprocessor(dict(inputs=[resized], data_samples=[sample('')]), False)
    want, = explain_batch(model, **data)
    assert got['text'] == want.text and got['scores'] == list(want.scores)
    for key in ('text_mask', 'attention'):
        np.testing.assert_array_equal(got[key], getattr(want, key))
    assert got['glyph_maps'].keys() == want.glyph_maps.keys() and 'rectified' not in got
    assert draw_reading(picture, **got).ndim == 3
    assert explain(model, picture)['text'] == got['text']
    del model.cfg
    with pytest.raises(ValueError, match='set model.cfg'):
        explain(model, picture)
    # Without a head the mask is what 2-means finds: dark letters on a bright ground.
    dark = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (128, 32)) < 100
    assert (explain(configured(glyph_head=None), picture)['text_mask'] == dark).mean() > 0.95


def test_maps_of_a_straightened_word_lie_over_the_straightened_picture():
    picture = word_picture()
    model = configured(preprocessor=dict(type='TPSRectifier', output_size=(32, 128)))
    got = explain(model, picture)
    # A new rectifier changes next to nothing.
    want = cv2.resize(picture, (128, 32), interpolation=cv2.INTER_CUBIC)
    assert got['rectified'].shape == want.shape and got['rectified'].dtype == np.uint8
    assert np.abs(got['rectified'].astype(int) - want).mean() < 6
    # Red and blue have not changed places.
    assert (got['rectified'][..., 2].astype(int) - got['rectified'][..., 0]).max() > 20
    assert draw_reading(picture, **got).shape == draw_reading(want, **{
        k: v for k, v in got.items() if k != 'rectified'}).shape
