"""tools/benchmarks/deformable_conv.py, run in this process for a moment."""
import deformable_conv as tool
import torch


def test_all_kinds_compute_the_same_at_zero_offsets():
    x, offset, weight, mask = tool.inputs(2, (4, 5, 6), torch.device('cpu'))
    ours, theirs, plain = (kind(x, 0 * offset, weight, mask ** 0) for kind in tool.KINDS.values())
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)
    torch.testing.assert_close(ours, plain, rtol=0, atol=1e-4)


def test_the_table_has_ratios_round_by_round(capsys):
    tool.main(['--batch', '1', '--size', '2', '3', '4', '--repeats', '2'])
    rows = [line.split(' | ') for line in capsys.readouterr().out.splitlines() if '| 1 |' in line]
    assert len(rows) == 6
    assert [row[4].rstrip(' |') for row in rows if row[2] == tool.OURS] == 2 * ['1.00 (1.00-1.00)']
