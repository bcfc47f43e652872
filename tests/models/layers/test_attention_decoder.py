import pytest
import torch

from mmocr_siga.models.layers import AttentionDecoder
from tests.helpers.words import attention_step


@torch.no_grad()
@pytest.mark.parametrize('with_glyphs', [False, True])
@pytest.mark.parametrize('batch', [1, 3])
def test_equals_a_loop_over_steps(with_glyphs, batch):
    decoder = AttentionDecoder(6, 5, 4, glyphs=with_glyphs).double()
    memory, tokens = torch.randn(batch, 7, 6).double(), torch.randint(0, 5, (batch, 4))
    glyphs = torch.randn(batch, 4, 6).double() if with_glyphs else None
    valid = torch.ones(batch, 7, dtype=torch.bool)
    valid[0, 5:] = False
    logits, attention = decoder(memory, tokens, glyphs, valid)
    hidden = cell = memory.new_zeros(batch, 5)
    for t in range(4):
        _, hidden, cell, want, seen = attention_step(
            decoder, memory, glyphs if glyphs is None else glyphs[:, t], valid, hidden, cell,
            tokens[:, t])
        # The cell state is kept in float32 on purpose.
        torch.testing.assert_close((logits[:, t], attention[:, t]), (want, seen), rtol=1e-5,
                                   atol=1e-6, check_dtype=False)
    assert (attention[0, :, 5:] == 0).all()
    if not with_glyphs:
        with pytest.raises(ValueError, match='glyphs=True'):
            decoder(memory, tokens, torch.randn(batch, 4, 6).double())
