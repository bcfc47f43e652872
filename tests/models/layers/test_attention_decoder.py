import pytest
import torch

from mmocr_siga.models.layers import AttentionDecoder
from mmocr_siga.models.layers.attention_decoder import block_diagonal
from tests.helpers.words import attention_step


@torch.no_grad()
@pytest.mark.parametrize('with_glyphs', [False, True])
@pytest.mark.parametrize('batch', [1, 3])
@pytest.mark.parametrize('kernel_size', [None, 1, 5, 11])
def test_equals_a_loop_over_steps(with_glyphs, batch, kernel_size):
    coverage = None if kernel_size is None else dict(kernel_size=kernel_size)
    decoder = AttentionDecoder(6, 5, 4, glyphs=with_glyphs, coverage=coverage).double()
    if coverage:
        decoder.coverage.normal_()
    memory, tokens = torch.randn(batch, 7, 6).double(), torch.randint(0, 5, (batch, 4))
    glyphs = torch.randn(batch, 4, 6).double() if with_glyphs else None
    valid = torch.ones(batch, 7, dtype=torch.bool)
    valid[0, 5:] = False
    logits, attention = decoder(memory, tokens, glyphs, valid)
    hidden = cell = memory.new_zeros(batch, 5)
    seen = memory.new_zeros(batch, 7) if coverage else None
    for t in range(4):
        _, hidden, cell, want, looked = attention_step(
            decoder, memory, glyphs if glyphs is None else glyphs[:, t], valid, hidden, cell,
            tokens[:, t], seen)
        seen = seen + looked if coverage else None
        # The cell state is kept in float32 on purpose.
        torch.testing.assert_close((logits[:, t], attention[:, t]), (want, looked), rtol=1e-5,
                                   atol=1e-6, check_dtype=False)
    assert (attention[0, :, 5:] == 0).all()
    if not with_glyphs:
        with pytest.raises(ValueError, match='glyphs=True'):
            decoder(memory, tokens, torch.randn(batch, 4, 6).double())


@pytest.mark.parametrize('kernel_size', [1, 11])
def test_a_kernel_of_zeros_is_no_coverage_and_learns(kernel_size):
    torch.manual_seed(0)
    plain = AttentionDecoder(6, 5, 4)
    drawn = torch.rand(1)
    torch.manual_seed(0)
    covered = AttentionDecoder(6, 5, 4, coverage=dict(kernel_size=kernel_size))
    # It draws nothing: what is built afterwards starts alike, too.
    assert torch.equal(drawn, torch.rand(1))
    assert plain.state_dict().keys() == covered.state_dict().keys() - {'coverage'}
    memory, tokens = torch.randn(2, 7, 6), torch.randint(0, 5, (2, 4))
    got, want = covered(memory, tokens), plain(memory, tokens)
    assert all(torch.equal(*pair) for pair in zip(got, want))
    got[0][:, 1:].square().sum().backward()
    assert (covered.coverage.grad.abs().sum((1, 2)) > 0).all()
    # A checkpoint from before fits.
    missing, unexpected = covered.load_state_dict(plain.state_dict(), strict=False)
    assert (missing, unexpected) == (['coverage'], [])


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match='kernel_size of coverage must be odd, but is 4'):
        AttentionDecoder(6, 5, 4, coverage=dict(kernel_size=4))


@torch.no_grad()
def test_coverage_of_a_word_in_a_wider_batch():
    decoder = AttentionDecoder(6, 5, 4, coverage=dict(kernel_size=5))
    decoder.coverage.normal_()
    memory, tokens = torch.randn(2, 9, 6), torch.randint(0, 5, (2, 6))
    valid = torch.arange(9) < torch.tensor([[9], [4]])
    logits, attention = decoder(memory, tokens, valid=valid)
    alone = decoder(memory[1:, :4], tokens[1:])
    torch.testing.assert_close((logits[1:], attention[1:, :, :4]), alone)
    assert not attention[1, :, 4:].any()


def test_scores_side_by_side():
    rows = torch.randn(3, 5)
    assert torch.equal(block_diagonal(rows), torch.block_diag(*rows.split(1)))
