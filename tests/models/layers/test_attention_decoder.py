import pytest
import torch
from torch import nn

from mmocr_siga.models.layers import AttentionDecoder


def loops(decoder, memory, tokens, glyphs=None, valid=None):
    """The decoder step by step and sample by sample with an ordinary LSTMCell."""
    cell = nn.LSTMCell(decoder.rnn.input_size, decoder.rnn.hidden_size).double()
    cell.load_state_dict(decoder.rnn.state_dict())
    logits, attentions = [], []
    for n in range(len(memory)):
        h = c = memory.new_zeros(1, decoder.rnn.hidden_size)
        for t in range(tokens.shape[1]):
            scores = []
            for j in range(memory.shape[1]):
                energy = torch.tanh(decoder.key(memory[n, j]) + decoder.query(h[0]))
                padding = valid is not None and not valid[n, j]
                scores.append(memory.new_tensor([-1e9]) if padding else decoder.score(energy))
            alpha = torch.cat(scores).softmax(0)
            glimpse = sum(a * m for a, m in zip(alpha, memory[n]))
            if glyphs is not None:
                gate = decoder.fusion.gate(torch.cat([glimpse, glyphs[n, t]]))
                z = 1 / (1 + torch.exp(-gate))
                glimpse = z * glimpse.tanh() + (1 - z) * glyphs[n, t].tanh()
            x = torch.cat([glimpse, decoder.embedding(tokens[n, t])])[None]
            h, c = cell(x, (h, c))
            logits.append(decoder.classifier(h[0]))
            attentions.append(alpha)
    shape = (len(memory), tokens.shape[1], -1)
    return tuple(torch.stack(x).reshape(shape) for x in (logits, attentions))


@pytest.mark.parametrize('with_glyphs', [False, True])
@pytest.mark.parametrize('batch', [1, 3])
def test_equals_a_loop_over_samples_and_steps(with_glyphs, batch):
    torch.manual_seed(0)
    decoder = AttentionDecoder(6, 5, 4, 3, glyphs=with_glyphs).double()
    memory, tokens = torch.randn(batch, 7, 6).double(), torch.randint(0, 5, (batch, 4))
    glyphs = torch.randn(batch, 4, 6).double() if with_glyphs else None
    valid = torch.ones(batch, 7, dtype=torch.bool)
    valid[0, 5:] = False
    got = decoder(memory, tokens, glyphs, valid)
    expected = loops(decoder, memory, tokens, glyphs, valid)
    # The cell state is kept in float32 on purpose.
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6, check_dtype=False)
    assert (got[1][0, :, 5:] == 0).all()


def test_padding_cannot_be_seen():
    torch.manual_seed(0)
    decoder = AttentionDecoder(6, 5, 4)
    memory, tokens = torch.randn(1, 4, 6), torch.randint(0, 5, (1, 3))
    alone, _ = decoder(memory, tokens)
    padded = torch.cat([memory, 100 * torch.randn(1, 3, 6)], 1)
    valid = torch.tensor([[True] * 4 + [False] * 3])
    torch.testing.assert_close(decoder(padded, tokens, valid=valid)[0], alone)


def test_half_precision_stays_close():
    torch.manual_seed(0)
    decoder = AttentionDecoder(16, 16, 10, glyphs=True)
    memory, tokens, glyphs = (torch.randn(4, 8, 16), torch.randint(0, 11, (4, 6)),
                              torch.randn(4, 6, 16))
    exact, _ = decoder(memory, tokens, glyphs)
    with torch.autocast('cpu', torch.bfloat16):
        rough, attention = decoder(memory, tokens, glyphs)
    assert attention.dtype == torch.float32
    torch.testing.assert_close(rough.float(), exact, rtol=0, atol=0.05)


def test_glyphs_must_be_announced():
    decoder = AttentionDecoder(6, 5, 4)
    with pytest.raises(ValueError, match='glyphs=True'):
        decoder(torch.randn(1, 4, 6), torch.zeros(1, 2, dtype=torch.long), torch.randn(1, 2, 6))
