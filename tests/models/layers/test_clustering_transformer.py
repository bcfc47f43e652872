import pytest
import torch
from mmocr.registry import MODELS


@pytest.fixture(scope='module')
def words():
    torch.manual_seed(0)
    model = MODELS.build(dict(type='ClusteringTransformer', dim=8, heads=2, inner=16, queries=5,
                              encoder_layers=1, decoder_layers=1)).double()
    valid = torch.tensor([[True] * 6, [True, True, False, True, False, False], [False] * 6])
    return (model, torch.randn(3, 6, 8, dtype=torch.float64),
            torch.rand(3, 6, dtype=torch.float64), valid, torch.tensor([3, 1, 5]))


def same(got, want):
    torch.testing.assert_close(got, want, rtol=0, atol=1e-10)


@pytest.mark.parametrize('training', [True, False])
def test_assignments_are_shares_of_the_open_groups(words, training):
    model, tokens, places, valid, groups = words
    with torch.set_grad_enabled(training):
        out = model.train(training)(tokens, places, valid, groups)
    assert list(out) == ['letter', 'word']
    assert out['letter'].shape == (3, 6, 5) and out['word'].shape == (3, 6, 2)
    for shares in out.values():
        same(shares[valid].sum(1), torch.ones(9, dtype=torch.float64))
        assert shares.isfinite().all()
    assert not out['letter'][0, :, 3:].any() and out['letter'][1, valid[1], 0].eq(1).all()


def test_padding_order_and_company_change_nothing(words):
    model, tokens, places, valid, groups = words
    want = model(tokens, places, valid, groups)
    pad = torch.nn.functional.pad
    padded = model(pad(tokens, (0, 0, 0, 2), value=9.0), pad(places, (0, 2), value=9.0),
                   pad(valid, (0, 2)), groups)
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    turned = model(tokens[:, order], places[:, order], valid[:, order], groups)
    for name, shares in want.items():
        same(padded[name][:, :6][valid], shares[valid])
        same(turned[name][valid[:, order]], shares[:, order][valid[:, order]])
        for n in range(2):
            alone = model(*(part[n:n + 1] for part in (tokens, places, valid, groups)))[name]
            same(alone[0][valid[n]], shares[n][valid[n]])
    # What is not valid is not seen.
    noise = model(torch.where(valid[:, :, None], tokens, 7.0), places, valid, groups)
    same(noise['letter'][valid], want['letter'][valid])


def test_the_word_is_read_off_the_letters(words):
    model, tokens, places, valid, groups = words
    letters = model(tokens, places, valid, groups)['letter']
    level = model.levels['letter']
    shares, features, centers, is_open = level(tokens, places, valid, groups)
    same(shares, letters)
    same(centers[0, :3], torch.tensor([1 / 6, 1 / 2, 5 / 6], dtype=torch.float64))
    assert is_open.sum(1).tolist() == [3, 1, 5]
    of_letters = model.levels['word'](features, centers, is_open, torch.full((3, ), 2))[0]
    want = torch.einsum('nsk,nkm->nsm', letters, of_letters)
    same(model(tokens, places, valid, groups)['word'], want)


def test_gradients_reach_every_weight(words):
    model, tokens, places, valid, groups = words
    out = model(tokens, places, valid, groups)
    (out['word'][valid][:, 0].sum() + out['letter'][valid][:, 0].sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert all(model.levels[name].query.grad.any() for name in ('letter', 'word'))


def test_it_is_small():
    model = MODELS.build(dict(type='ClusteringTransformer'))
    assert model.queries == 25 and sum(p.numel() for p in model.parameters()) < 95_000
