import pytest
import torch

from mmocr_siga.models.heads import SegmentationHead


def test_shapes():
    head = SegmentationHead((3, 5), channels=4)
    for batch in (1, 2):
        out = head((torch.randn(batch, 3, 16, 64), torch.randn(batch, 5, 8, 32)))
        assert out.shape == (batch, 2, 32, 128)
    head = SegmentationHead((4, ), trunk=False, skip_channels=2, up_channels=6,
                            scales=((2, 1), (2, 2)))
    out = head([torch.randn(1, 4, 8, 40)], torch.randn(1, 2, 16, 40))
    assert out.shape == (1, 2, 32, 80)


def test_it_learns_a_mask():
    head = SegmentationHead((3, ), trunk=False, channels=8)
    mask = torch.zeros(1, 16, 32, dtype=torch.long)
    mask[:, 4:12, 6:20] = 1
    feature = torch.nn.functional.avg_pool2d(mask.float()[:, None], 2).repeat(1, 3, 1, 1)
    optimizer = torch.optim.Adam(head.parameters(), 0.02)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(head([feature]), mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (head([feature]).argmax(1) == mask).float().mean() > 0.98


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match='one number'):
        SegmentationHead((3, 5), trunk=False)
    head = SegmentationHead((4, ), trunk=False, skip_channels=2)
    with pytest.raises(ValueError, match='skip_channels=2 and got no skip map'):
        head([torch.randn(1, 4, 8, 8)])
