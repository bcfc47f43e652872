import torch

from mmocr_siga.models.layers import BidirectionalLSTM, TokenLSTM


def test_bidirectional_lstm_sees_both_sides():
    torch.manual_seed(0)
    rnn = BidirectionalLSTM(3, 4, 5)
    x = torch.randn(2, 6, 3)
    out = rnn(x)
    assert out.shape == (2, 6, 5)
    # The first output depends on the last input and the other way round.
    changed = x.clone()
    changed[:, -1] += 1
    assert (rnn(changed)[:, 0] != out[:, 0]).any()
    changed = x.clone()
    changed[:, 0] += 1
    assert (rnn(changed)[:, -1] != out[:, -1]).any()


def test_fused_call_equals_single_steps():
    torch.manual_seed(0)
    reader = TokenLSTM(6, 5, 4, 3)
    features, tokens = torch.randn(2, 7, 6), torch.randint(0, 5, (2, 7))
    fused = reader(features, tokens)
    weights, state = reader.weights(), reader.start(features)
    for t in range(7):
        state, logits = reader.step(weights, features[:, t], tokens[:, t], state)
        torch.testing.assert_close(logits, fused[:, t], rtol=1e-5, atol=1e-6)
