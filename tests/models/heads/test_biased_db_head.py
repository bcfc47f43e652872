import torch
from mmocr.registry import MODELS

from mmocr_siga.models.heads import BiasedDBHead


def test_the_probability_branch_has_biases_and_no_norms():
    head = MODELS.build(dict(type='BiasedDBHead', in_channels=8))
    assert isinstance(head, BiasedDBHead)
    names = [name for name, _ in head.binarize.named_parameters()]
    assert names == ['0.weight', '0.bias', '2.weight', '2.bias', '4.weight', '4.bias']
    assert not list(head.binarize.buffers()) and list(head.threshold.buffers())
    logits, threshold, binary = head(torch.zeros(2, 8, 3, 5), mode='loss')
    assert logits.shape == threshold.shape == binary.shape == (2, 12, 20)
