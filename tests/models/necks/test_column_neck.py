import pytest
import torch

from mmocr_siga.models.necks import ColumnNeck


@pytest.mark.parametrize('channels,pool', [(6, True), (4, False)])
def test_one_row_as_wide_as_the_map(channels, pool):
    neck = ColumnNeck(6, channels, pool).eval()
    assert neck(torch.rand(2, 6, 8, 11)).shape == (2, channels, 1, 11)
    assert isinstance(neck.halve, torch.nn.MaxPool2d) == pool
    with pytest.raises(ValueError, match='pool=False for 5'):
        ColumnNeck(4, 5)


def test_a_column_sees_its_neighbors_and_all_rows():
    neck = ColumnNeck(4, 4, pool=False).eval()
    x = torch.rand(1, 4, 8, 40, requires_grad=True)
    neck(x)[..., 20].sum().backward()
    seen = (x.grad[0].abs().sum(0) > 0).nonzero()
    # Convolutions 3 wide: halving, two blocks, one alone, one block, two of the rows.
    assert seen[:, 1].min() == 20 - 7 and seen[:, 1].max() == 20 + 7
    assert seen[:, 0].unique().tolist() == list(range(8))
