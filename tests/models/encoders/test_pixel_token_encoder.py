import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS

from mmocr_siga.apis import export_onnx
from mmocr_siga.models.encoders import PixelTokenEncoder
from mmocr_siga.models.encoders.pixel_token_encoder import ColumnQueries
from mmocr_siga.models.pseudo_labels.functional import two_means_mask_image
from tests.conftest import REPO
from tests.helpers.readers import word_pictures
from tests.helpers.words import DICTIONARY, sample

SMALL = dict(tokens=60, embed_dim=16, depth=2, num_heads=2, inner_channels=24, img_size=(16, 40),
             mean=[127] * 3, std=[64] * 3, dropout=0.)
SELECT = ('edge', 'foreground', 'random', 'grid')
KINDS = [dict(), dict(position='learned'), dict(position='fourier'), dict(colour=False),
         dict(patch=3), dict(queries=5), dict(position='fourier', queries=5)]


def build(**changes):
    torch.manual_seed(0)
    return PixelTokenEncoder(**{**SMALL, **changes}).double().eval()


def pictures(count=3, width=40):
    """Words, uint8 (N, H, W, 3), and normalized."""
    import cv2
    images = np.stack([cv2.resize(p, (width, 16)) for p in word_pictures(count)])
    return images, (torch.from_numpy(images).permute(0, 3, 1, 2).double() - 127) / 64


def with_masks(masks, ratios=None):
    out = []
    for mask, ratio in zip(masks, ratios or [1.] * len(masks)):
        word = sample('a', valid_ratio=ratio, mask=mask[None])
        word.set_metainfo(dict(img_shape=tuple(mask.shape)))
        out.append(word)
    return out


def places_of(encoding, word):
    return encoding.places[word][encoding.valid[word]].long().tolist()


@pytest.mark.parametrize('select', SELECT)
def test_what_is_taken_word_by_word(select):
    import cv2
    encoder, (images, inputs) = build(select=select), pictures()
    inputs[2] = 0.5  # no ink: every pixel
    encoding = encoder(inputs)
    grays = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
    for word, gray in enumerate(grays):
        mask = two_means_mask_image(gray)
        if word == 2 or select == 'grid':
            mask = np.ones_like(mask)
        if select in ('edge', 'random') and word != 2:
            padded = np.pad(mask, 1)
            mask = mask & ~(padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2]
                            & padded[1:-1, 2:])
        known = sorted((x, y) for y, x in zip(*mask.nonzero()))
        n = len(known)
        expected = known if n <= 60 else [known[((2 * i + 1) * n) // 120] for i in range(60)]
        found = places_of(encoding, word)
        if select == 'random':
            assert len(found) == len(set(map(tuple, found))) == min(n, 60)
            assert found == sorted(found) and len({x for x, _ in found}) > 20
        else:
            assert found == [list(place) for place in expected]


@pytest.mark.parametrize('select', SELECT)
@pytest.mark.parametrize('changes', [c for c in KINDS if c.get('position') != 'learned'])
def test_a_word_is_the_same_in_any_batch(select, changes):
    encoder, (_, inputs) = build(select=select, **changes), pictures()
    wide = torch.randn(2, 3, 16, 100, dtype=torch.float64)
    wide[0, ..., :40] = inputs[0]
    alone = encoder(inputs[:1])
    for batch, samples in ((inputs, None), (wide, torch.tensor([0.4, 1.])),
                           (wide, [sample('a', valid_ratio=0.4), sample('b')])):
        together = encoder(batch, samples)
        torch.testing.assert_close(together.context[0], alone.context[0], rtol=0, atol=1e-12)
        if alone.places is not None:
            assert places_of(together, 0) == places_of(alone, 0)


def test_padded_tokens_change_nothing():
    _, inputs = pictures()
    masks = torch.zeros(2, 16, 40, dtype=torch.bool)
    masks[0, 3:5, 4:9], masks[1, :, 2:30:3] = True, True
    few, many = build(tokens=20), build(tokens=200)
    one, other = (encoder(inputs[:2], with_masks(masks)) for encoder in (few, many))
    assert one.valid.sum(1).tolist() == [10, 20] and other.valid.sum(1).tolist() == [10, 160]
    torch.testing.assert_close(one.context[0, :10], other.context[0, :10], rtol=0, atol=1e-12)


def test_what_is_not_taken_is_not_read():
    encoder, (_, inputs) = build(), pictures()
    masks = torch.from_numpy(np.random.default_rng(0).random((3, 16, 40)) < 0.1)
    first = encoder(inputs, with_masks(masks))
    painted = torch.where(masks[:, None], inputs, torch.randn_like(inputs))
    again = encoder(painted, with_masks(masks))
    torch.testing.assert_close(again.context[again.valid], first.context[first.valid])
    assert not torch.allclose(encoder(-inputs, with_masks(masks)).context, first.context)
    # In training, too, where a mask of the sample takes the place of our own.
    masks[:] = False
    masks[:, 4, 5:9] = True
    encoding = encoder.train()(inputs, with_masks(masks))
    assert places_of(encoding, 1) == [[x, 4] for x in range(5, 9)]


def test_alike_pixels_are_told_apart_by_where_they_are():
    """Ink of one color: without anything else in view every token would see the same."""
    for changes in (dict(), dict(colour=False), dict(position='fourier')):
        encoding = build(**changes)(*words_of_one_color())
        assert encoding.context[0, :8].std(0).max() > 1e-3, changes


def words_of_one_color():
    masks = torch.zeros(1, 16, 40, dtype=torch.bool)
    masks[0, 3:7, 4:9] = True
    return torch.zeros(1, 3, 16, 40, dtype=torch.float64), with_masks(masks)


def test_tokens_have_no_order_without_positions():
    transformer = build().transformer
    x = torch.randn(1, 7, 16, dtype=torch.float64)
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    nowhere = torch.zeros(1, 1, 2, dtype=torch.float64)
    torch.testing.assert_close(transformer(x[:, order], None, nowhere),
                               transformer(x, None, nowhere)[:, order], rtol=0, atol=1e-12)


def test_training_draws_uniformly_and_without_repeats():
    encoder, (_, inputs) = build(tokens=10).train(), pictures(1)
    mask = torch.zeros(1, 16, 40, dtype=torch.bool)
    mask[0, 2, 3:33] = True  # 30 candidates, an edge each
    counts = torch.zeros(40)
    for _ in range(300):
        taken = [x for x, _ in places_of(encoder(inputs, with_masks(mask)), 0)]
        assert len(set(taken)) == 10 and taken == sorted(taken)
        counts[taken] += 1
    # 100 each, with a standard deviation of 8.2.
    assert counts[3:33].min() > 65 and counts[3:33].max() < 135 and counts.sum() == 3000
    encoder.eval()
    first, second = (places_of(encoder(inputs, with_masks(mask)), 0) for _ in range(2))
    assert first == second


def recognizer(channels=16, **changes):
    torch.manual_seed(0)
    return MODELS.build(dict(
        type='GlyphRecognizer',
        data_preprocessor=dict(type='WordDataPreprocessor', mean=[127] * 3, std=[64] * 3),
        encoder={**SMALL, 'type': 'PixelTokenEncoder', 'embed_dim': channels, **changes},
        decoder=dict(type='ImplicitAttentionDecoder', dictionary=dict(DICTIONARY), max_seq_len=5,
                     in_channels=channels, hidden_size=channels)))


@pytest.mark.parametrize('changes', KINDS)
def test_all_of_it_learns_in_half_precision_too(changes):
    model, (_, inputs) = recognizer(**changes), pictures()
    inputs[1] = 0.  # no ink
    words = [sample('ab'), sample(''), sample('c1d')]
    for precision in (False, True):
        model.zero_grad()
        with torch.autocast('cpu', torch.bfloat16, enabled=precision):
            loss = model.loss(inputs.float(), words)['loss_word']
        loss.backward()
        assert loss.isfinite()
        grads = {name: p.grad for name, p in model.named_parameters()}
        assert all(g is not None and g.isfinite().all() for g in grads.values())
        assert all(g.abs().max() > 0 for name, g in grads.items() if name.startswith((
            'encoder.content', 'encoder.table', 'encoder.waves', 'encoder.landmark')))
    assert len(model.eval().predict(inputs[:1].float(), words[:1])) == 1


@pytest.mark.parametrize('position', ['rope', 'fourier'])
def test_a_handful_of_words_is_learned(position):
    model, (_, inputs) = recognizer(32, tokens=80, position=position), pictures(4)
    texts = ['ab', 'b3', 'ca', '7']
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(240):
        loss = model.loss(inputs.float(), [sample(text) for text in texts])['loss_word']
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5)
        optimizer.step()
    read = model.eval().predict(inputs.float(), [sample('') for _ in texts])
    assert [word.pred_text.item for word in read] == texts


def test_export_is_refused(tmp_path):
    with pytest.raises(TypeError, match='with a PixelTokenEncoder cannot be exported'):
        export_onnx(recognizer().eval(), tmp_path / 'words.onnx')


@pytest.mark.parametrize('changes, message', [
    (dict(select='ink'), "'edge', 'foreground', 'random', 'grid'.*'ink'"),
    (dict(position='sine'), "'rope', 'learned', 'fourier'.*'sine'"),
    (dict(patch=2), 'patch is an odd number.* 2 and')])
def test_bad_arguments_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_a_table_fits_one_size():
    with pytest.raises(ValueError, match=r"\(16, 40\), not \(16, 20\).*position='rope'"):
        build(position='learned')(pictures()[1][..., :20])


@pytest.mark.parametrize('name, select, tokens', [
    ('pixels_tiny', 'edge', 512), ('pixels_random_tiny', 'random', 512),
    ('pixels_grid_tiny', 'grid', 1024)])
def test_configs_differ_in_what_is_taken(name, select, tokens):
    cfg = Config.fromfile(REPO / f'configs/{name}.py')
    model = MODELS.build(cfg.model).eval()
    assert (model.encoder.select, model.encoder.tokens) == (select, tokens)
    assert not model.with_backbone and sum(p.numel() for p in model.parameters()) < 1.2e6
    width, height = next(t['scale'] for t in cfg.test_pipeline if t['type'] == 'Resize')
    encoding = model.encode(torch.randn(1, 3, height, width))[1]
    assert encoding.context.shape == (1, tokens, 128)
    assert select != 'grid' or encoding.valid.all()


def test_columns_begin_by_looking_around_themselves():
    """One token a column of 16, each with a value of its own: what a query takes of them."""
    torch.manual_seed(0)
    columns = ColumnQueries(16, 32, num_heads=1)
    with torch.no_grad():
        columns.key_value.weight[:32], columns.key_value.weight[32:] = 0, torch.eye(32)
        columns.key_value.bias[32:], columns.proj.bias[:] = 0, 0
        columns.proj.weight[:] = torch.eye(32)
        x = torch.arange(16.) * 8 + 4
        places = torch.stack([x, torch.full_like(x, 15.5)], -1)[None]
        taken = columns(torch.eye(16, 32)[None], torch.ones(1, 16, dtype=torch.bool), places,
                        (32, 128))[0, :, :16]
    assert torch.allclose(taken.sum(1), torch.ones(16), atol=1e-5)
    far = (x[:, None] - x).abs()
    assert (taken * far).sum(1).mean() < .6 * far.mean()
    assert (taken.argmax(1) == torch.arange(16)).float().mean() > .7
