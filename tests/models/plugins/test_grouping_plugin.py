"""The grouping plug-in: its views, segments, losses and letters."""
import pytest
import torch
from mmengine.logging import MessageHub
from mmocr.registry import MODELS

from mmocr_siga.models.layers import ClusteringTransformer
from mmocr_siga.models.plugins import grouping_plugin as G
from mmocr_siga.models.pseudo_labels.clustering import text_atoms
from tests.helpers.words import sample, tiny_model

WORDS = ['oo', 'lle', 'a', 'b']
LOSSES = {'loss_segsort_atom', 'loss_segsort_letter', 'loss_modularity', 'loss_order', 'loss_view',
          'loss_ink'}


def model(**changes):
    torch.manual_seed(0)
    plugin = dict(dict(
        type='GroupingPlugin', reads='backbone.layer1', in_channels=4, dim=8, max_atoms=16,
        start=0, transformer=dict(heads=2, inner=8, queries=7, encoder_layers=1,
                                  decoder_layers=1)), **changes)
    cfg = tiny_model('plain', type='PluggedGlyphRecognizer', glyph_head=None,
                     plugins=dict(groups=plugin))
    cfg['encoder']['pyramid'] = None
    return MODELS.build(cfg)


def batch():
    """Bars on a dark ground: two of them, three, one (of a word of one letter), and no ink."""
    images = torch.full((4, 3, 32, 64), -1.0)
    for n, places in enumerate([(4, 40), (4, 26, 48), (20, ), ()]):
        for x in places:
            images[n, :, 8:26, x:x + 10] = 1.0
    samples = [sample(word, targets=False) for word in WORDS]
    for word in samples:
        word.set_metainfo(dict(img_shape=(32, 64)))
    return images + 0.01 * torch.rand(images.shape), samples


@pytest.fixture(autouse=True)
def iteration(monkeypatch):
    hub = MessageHub.get_instance('grouping_plugin')
    hub.update_info('iter', 0)
    monkeypatch.setattr(MessageHub, 'get_current_instance', classmethod(lambda cls: hub))
    return hub


@pytest.mark.parametrize('detach, atoms', [(True, 'strokes'), (False, 'kmeans')])
def test_a_training_step(detach, atoms):
    recognizer = model(detach=detach, atoms=atoms).train()
    plain = MODELS.build(tiny_model('plain', encoder=dict(
        tiny_model()['encoder'], pyramid=None), glyph_head=None)).train()
    plain.load_state_dict(recognizer.state_dict(), strict=False)
    inputs, samples = batch()
    losses = recognizer.loss(inputs, samples)
    assert set(losses) > LOSSES and all(loss.isfinite().all() for loss in losses.values())
    assert 0 <= losses['empty_groups'] < 1 and 0 < losses['largest_group'] <= 1
    # The recognizer's own loss and running statistics do not know of the second view.
    own = plain.loss(inputs, batch()[1])
    torch.testing.assert_close(losses['loss_word'], own['loss_word'])
    for name, buffer in plain.backbone.named_buffers():
        torch.testing.assert_close(recognizer.backbone.get_buffer(name), buffer)
    sum(losses[name] for name in LOSSES).backward()
    assert all(p.grad is not None and p.grad.isfinite().all()
               for p in recognizer.plugins.parameters())
    moved = [p.grad is not None and p.grad.any() for p in recognizer.backbone.parameters()]
    assert any(moved) != detach


def test_words_with_nothing_to_group_cost_nothing():
    recognizer = model(lengths=False).train()
    inputs, samples = batch()
    losses = recognizer.loss(inputs[2:], samples[2:])
    for name in ('loss_modularity', 'loss_order'):
        assert losses[name].item() == 0


def test_letter_loss_starts_late(iteration):
    recognizer = model(start=5).train()
    for step, counts in ((4, False), (5, True)):
        iteration.update_info('iter', step)
        assert (recognizer.loss(*batch())['loss_segsort_letter'].item() > 0) == counts
    with pytest.raises(ValueError, match="'strokes' or 'kmeans'"):
        model(atoms='pixels')


def segments(recognizer, seed=0, words=3):
    torch.manual_seed(seed)
    plugin = recognizer.plugins['groups']
    atoms = text_atoms(batch()[0][:words, 0] > 0, atoms=16)
    embedded = torch.nn.functional.normalize(torch.randn(words, 8, 16, 32), dim=1)
    return plugin, embedded, atoms, plugin.segments(embedded, atoms)


def test_segments_against_loops():
    _, embedded, atoms, found = segments(model())
    for n in range(3):
        y, x = torch.nonzero(atoms[n], as_tuple=True)
        left, right = x.min().item(), x.max().item() + 1
        assert found.valid[n].tolist() == [k in atoms[n].unique() for k in range(1, 17)]
        for k in atoms[n].unique().tolist()[1:]:
            ys, xs = torch.nonzero(atoms[n] == k, as_tuple=True)
            mean = embedded[n][:, ys // 2, xs // 2].sum(1)
            torch.testing.assert_close(found.prototypes[n, k - 1], mean / mean.norm())
            # Places are those of cells: half a cell is a pixel.
            want = (xs.float().mean() + 0.5 - left) / (right - left)
            assert found.places[n, k - 1].item() == pytest.approx(want.item(), abs=1 / 20)
            assert found.geometry[n, k - 1, 4].item() == pytest.approx(len(xs) / len(x))
            assert found.reach[n, k - 1].item() == pytest.approx(
                (xs.float().mean().item() + 0.5) / 18, abs=1 / 18)
    # A cell is the atom's of which it holds most, if half of it is ink.
    quarters = atoms[:, ::2, ::2]  # bars begin and end at even pixels
    assert found.own.view(3, 16, 32).equal(quarters)


def test_distance_against_loops():
    *_, found = segments(model())
    got = G._distance(found, 2)
    bars = [[0] * 3 + [1] * 3, [0] * 3 + [1] * 3 + [2] * 3, [0] * 3]  # the bar of each atom
    for n, bar in enumerate(bars):
        bar = (bar + [-1] * 16)[:16]
        assert found.valid[n].tolist() == [k >= 0 for k in bar]
        for a in range(32):
            for b in range(32):
                i, j = a % 16, b % 16
                if found.valid[n, i] and found.valid[n, j]:
                    gap = (found.reach[n, i] - found.reach[n, j]).item() / 0.5
                    want = (gap ** 2 + 2 * (bar[i] != bar[j])) ** 0.5
                    assert got[n, a, b].item() == pytest.approx(want, rel=1e-5)


def test_losses_do_not_know_which_view_is_first(monkeypatch):
    recognizer = model()
    plugin, *_, first = segments(recognizer)
    *_, second = segments(recognizer, seed=1)
    monkeypatch.setattr(G, '_sampled', lambda view: (view.cells, view.own))
    groups = torch.tensor([2, 3, 1])
    there, back = (plugin._losses(views, groups) for views in ([first, second], [second, first]))
    for name, loss in there.items():
        torch.testing.assert_close(back[name], loss, rtol=1e-4, atol=1e-5)
    alone = [plugin._losses([type(view)(*(part[n:n + 1] for part in view))
                             for view in (first, second)], groups[n:n + 1]) for n in range(3)]
    for name, loss in there.items():
        mean = sum(word[name] for word in alone) / 3
        torch.testing.assert_close(mean, loss, rtol=1e-4, atol=1e-5)


def test_atoms_survive_the_warp():
    torch.manual_seed(0)
    images, _ = batch()
    atoms = text_atoms(images[:, 0] > 0)
    still = G.affine_grid(torch.zeros(4, 6), images.shape)
    assert G.warp_atoms(atoms, still).equal(atoms)
    change = 0.1 * (2 * torch.rand(4, 6) - 1)
    warped = G.warp_atoms(atoms, G.affine_grid(change, images.shape))
    y, x = torch.meshgrid((torch.arange(32) + 0.5) / 16 - 1, (torch.arange(64) + 0.5) / 32 - 1,
                          indexing='ij')
    for n in range(4):
        a, b, s, c, d, t = change[n]
        row = ((c * x + (1 + d) * y + t + 1) * 16).floor().long()
        column = (((1 + a) * x + b * y + s + 1) * 32).floor().long()
        inside = (row >= 0) & (row < 32) & (column >= 0) & (column < 64)
        want = torch.where(inside, atoms[n, row.clamp(0, 31), column.clamp(0, 63)], 0)
        assert (warped[n] != want).float().mean() < 0.001  # but for rounding
    seen, moved = G.second_view(images, atoms)
    assert seen.shape == images.shape and set(moved.unique().tolist()) <= set(
        atoms.unique().tolist())


def test_order_and_agreement_by_hand():
    eye = torch.eye(2, dtype=torch.float64)[None]
    places, valid = torch.tensor([[0.2, 0.6]]).double(), torch.ones(1, 2, dtype=torch.bool)
    two = torch.tensor([2])
    assert G.order_loss(eye, places, valid, two).item() == 0
    # x is 0.6, then 0.2: 0.4 and the margin of 0.3 / 2.
    assert G.order_loss(eye.flip(2), places, valid, two).item() == pytest.approx(0.55)
    assert G.order_loss(eye.flip(2), places, valid, two - 1).item() == 0
    shares = torch.tensor([[[0.5, 0.5], [0.9, 0.1]]]).double()
    both = torch.tensor([[True, False]])
    assert G.view_loss(shares, shares, both).item() == pytest.approx(0.6931, abs=1e-4)
    assert G.view_loss(shares, shares, both & False).item() == 0
    shares = torch.rand(2, 4, 3, dtype=torch.float64).softmax(2).requires_grad_()
    valid, three = torch.ones(2, 4, dtype=torch.bool), torch.tensor([3, 2])
    places = torch.rand(2, 4).double()
    assert torch.autograd.gradcheck(lambda c: G.order_loss(c, places, valid, three), shares)


@pytest.mark.parametrize('lengths', [None, [2, 3, 1, 4]])
def test_letters(lengths):
    recognizer = model().eval()
    plugin = recognizer.plugins['groups']
    inputs, samples = batch()
    before = {name: value.clone() for name, value in recognizer.state_dict().items()}
    lengths = lengths and torch.tensor(lengths)
    letters = plugin.letters(recognizer, inputs, samples, lengths)
    assert letters.shape == (4, 32, 64) and not letters[3].any()
    for n in range(3):
        atoms = text_atoms(inputs[n:n + 1, 0] > 0, atoms=16)[0]
        assert (letters[n] > 0).equal(atoms > 0)
        for k in range(1, 17):  # an atom is of one letter
            assert len(letters[n][atoms == k].unique()) <= 1
        assert letters[n].max() <= (7 if lengths is None else lengths[n])
        alone = plugin.letters(recognizer, inputs[n:n + 1], samples[n:n + 1],
                               None if lengths is None else lengths[n:n + 1])
        assert alone[0].equal(letters[n])
    for name, value in recognizer.state_dict().items():
        assert value.equal(before[name])


def test_it_learns_the_letters_of_a_few_words():
    """Two words, boxes of whose letters it never sees."""
    torch.manual_seed(0)
    recognizer = model(dim=16, detach=True, start=50).train()
    plugin = recognizer.plugins['groups']
    inputs, _ = batch()
    inputs, groups = inputs[:2], torch.tensor([2, 3])
    optimizer = torch.optim.Adam(plugin.parameters(), 5e-3)
    with torch.no_grad():
        feature = recognizer.backbone.layer1(torch.nn.functional.avg_pool2d(
            torch.cat([inputs, inputs[:, :1]], 1), 2))
    want = torch.zeros(2, 32, 64, dtype=torch.long)
    for n, places in enumerate([(4, 40), (4, 26, 48)]):
        for k, x in enumerate(places, 1):
            want[n, 8:26, x:x + 10] = k
    for step in range(1, 101):
        atoms = text_atoms(inputs[:, 0] > 0, atoms=16)
        views = [plugin.segments(plugin.embed(feature + 0.05 * torch.randn_like(feature)), atoms)
                 for _ in range(2)]
        losses = plugin._losses(views, groups)
        optimizer.zero_grad()
        sum(value for name, value in losses.items() if name.startswith('loss')).backward()
        optimizer.step()
        if step % 20 == 0:
            letters = plugin.eval().letters(recognizer.eval(), inputs, None, groups)
            plugin.train()
            if letters.equal(want):
                break
    assert letters.equal(want)


def test_the_head_is_small():
    plugin = MODELS.build(dict(type='GroupingPlugin', reads='backbone.layer1', in_channels=32))
    assert isinstance(plugin.transformer, ClusteringTransformer)
    assert sum(p.numel() for p in plugin.parameters()) < 100_000
