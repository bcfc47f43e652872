import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmocr_siga.models.encoders import LightSVTREncoder
from mmocr_siga.models.encoders.light_svtr_encoder import MixerBlock
from mmocr_siga.models.utils.ppocr_v6 import load_part
from tests.helpers.ppocr import onnx_session


def test_attention_is_that_of_torch():
    block = MixerBlock(12, 3).double()
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).double()
    theirs.load_state_dict(dict(in_proj_weight=block.qkv.weight, in_proj_bias=block.qkv.bias,
                                **{f'out_proj.{k}': v for k, v in block.proj.state_dict().items()}))
    x = torch.randn(2, 5, 12, dtype=torch.float64)
    normalized = F.layer_norm(x, (12, ), block.norm1.weight, block.norm1.bias)
    expected = x + theirs(normalized, normalized, normalized)[0]
    expected = expected + block.mlp(block.norm2(expected))
    assert torch.allclose(block(x), expected)


def test_one_row_of_half_the_columns():
    encoder = LightSVTREncoder(8, 16, num_heads=2)
    assert encoder([torch.zeros(0), torch.zeros(2, 8, 3, 11)]).shape == (2, 5, 16)
    with pytest.raises(ValueError, match='leaves 2 rows'):
        encoder(torch.zeros(2, 8, 6, 11))


@pytest.mark.parametrize('kept', [True, False])
def test_training_moves_the_statistics_unless_they_are_kept(kept):
    encoder = LightSVTREncoder(8, 16, num_heads=2, norm_eval=kept).train()
    encoder([torch.ones(2, 8, 3, 12)])
    moved = [int(m.num_batches_tracked) for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    assert encoder.training and moved == [0 if kept else 1] * 3


def test_the_sequence_equals_that_of_the_published_model():
    names = ['p2o.pd_op.add.64.0', 'p2o.pd_op.squeeze.0.0']
    session = onnx_session('recognizer', names)
    encoder = LightSVTREncoder().eval()
    load_part(encoder, 'recognizer.encoder')
    x = np.random.default_rng(0).uniform(-1, 1, (2, 3, 48, 120)).astype(np.float32)
    last, sequence = session.run(names, dict(x=x))
    with torch.no_grad():
        found = encoder(torch.from_numpy(last))
    np.testing.assert_allclose(found.transpose(1, 2).numpy(), sequence, atol=1e-4)
