"""tools/gpu/collect.py: pieces of weights, and the report."""
import json
import os

import collect
import pytest

MACHINE = dict(python='3.12', gpu='a card')


@pytest.fixture
def weights(tmp_path):
    """A folder with a file cut into pieces of 1,000 bytes, and its content."""
    content = os.urandom(2500)
    (tmp_path / 'reader.pth').write_bytes(content)
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'reader.pth.07').write_bytes(b'of an earlier, longer file')
    collect.split(tmp_path / 'reader.pth', out, 1000)
    return out, content


def test_pieces_are_joined_to_what_was_cut(weights, tmp_path):
    out, content = weights
    assert collect.check_pieces(out) == [f'reader.pth.0{i}' for i in range(3)]
    assert [(out / name).stat().st_size for name in collect.check_pieces(out)] == [1000, 1000, 500]
    assert not (out / 'reader.pth.07').exists()
    collect.join(out, tmp_path / 'joined')
    assert (tmp_path / 'joined').read_bytes() == content


@pytest.mark.parametrize('spoil, message', [
    (lambda out: (out / 'reader.pth.01').unlink(), r'reader\.pth\.01 is missing'),
    (lambda out: (out / 'reader.pth.02').write_bytes(b'x' * 500), r'reader\.pth\.02 is damaged'),
    (lambda out: (out / 'SHA256SUMS').write_text('0' * 64 + '  ../away\n' * 2), 'no checksum'),
    (lambda out: (out / 'SHA256SUMS').write_text(
        ''.join((out / 'SHA256SUMS').read_text().splitlines(True)[1:])), 'do not make the file')])
def test_damaged_pieces_are_named(weights, tmp_path, spoil, message):
    out, _ = weights
    spoil(out)
    with pytest.raises(ValueError, match=message):
        collect.join(out, tmp_path / 'joined')
    assert not (tmp_path / 'joined').exists()


def step(title, data, status='done', **more):
    return dict(dict(title=title, status=status, seconds=12.3, given_s=90., exit_status=0,
                     machine=MACHINE, data=data, command='python tool.py', log=''), **more)


def content(**changes):
    row = dict(name='siga_r31', precision='amp-bf16', batch=256, images_per_s=1234.5, busy=0.93,
               memory_mib=20480., steady_images_per_s=1300.,
               split_ms=dict(data=5., forward=40., losses=3., backward=50., optimizer=7.))
    broken = dict(name='siga_r31', precision='compiled', batch=256, error='OSError: no compiler')
    return dict(dict(
        device='cuda', tiny=False, budget_s=720., spent_s=400., planned=['tests', 'speed', 'late'],
        steps=dict(
            speed=step('Training steps', dict(environment=dict(torch='2.11'), rows=[row, broken])),
            tests=step('Tests', None, status='failed', exit_status=3, log='one\ntwo\nthe end'))),
        **changes)


def test_the_report_has_figures_and_names_what_failed_and_what_is_missing(tmp_path, capsys):
    (tmp_path / 'gpu.json').write_text(json.dumps(content()))
    assert collect.main([str(tmp_path), '--report', str(tmp_path / 'gpu.md')]) == 1
    text = (tmp_path / 'gpu.md').read_text()
    assert '| siga_r31 | amp-bf16 | 256 | 1,234 | 1,300 | 93% | 20,480 |' in text
    assert '| siga_r31 | compiled | 256 | not measured: OSError: no compiler |' in text
    # 3 of 100 ms, the data being loaded meanwhile.
    assert '| 40.00 | 3.00 | 50.00 | 7.00 | 3.0% |' in text
    assert 'Not measured, for want of time: late.' in text
    assert 'it failed, exit status 3' in text and text.count('the end') == 1
    assert 'gpu a card' in text and 'rehearsal' not in text
    assert '1 of 3 steps done' in capsys.readouterr().err


@pytest.mark.parametrize('changes', [dict(tiny=True), dict(device='cpu')])
def test_a_rehearsal_makes_no_report(tmp_path, capsys, changes):
    (tmp_path / 'gpu.json').write_text(json.dumps(content(**changes)))
    assert collect.main([str(tmp_path), '--report', str(tmp_path / 'gpu.md')]) == 2
    assert 'of a rehearsal' in capsys.readouterr().err and not (tmp_path / 'gpu.md').exists()
    collect.main([str(tmp_path)])
    assert '**A rehearsal' in capsys.readouterr().out


def test_weights_that_are_not_there(tmp_path, capsys):
    (tmp_path / 'gpu.json').write_text(json.dumps(content()))
    assert collect.main([str(tmp_path), '--weights', str(tmp_path / 'w.pth')]) == 2
    assert 'holds no weights' in capsys.readouterr().err
    assert collect.main([str(tmp_path / 'nowhere')]) == 2
