import json
from pathlib import Path

import pytest
import torch
from mmengine.config import ConfigDict


@pytest.fixture(scope='module')
def decode(benchmark):
    return benchmark('decode')


def test_a_run_compares_with_siga(decode, tmp_path, capsys):
    out = tmp_path / 'decode.json'
    assert decode.main(['--group', 'tiny', '--models', 'SIGA', '--batch', '1', '--lengths', '3',
                        '1', '--repeats', '1', '--json', str(out), '--markdown']) == 0
    rows = json.loads(out.read_text())['rows']
    names = ['SIGA tiny, 3 characters', 'SIGA tiny, 1 characters', 'SIGA-P tiny']
    assert [(r['name'], r['part']) for r in rows] == [
        (name, part) for group in (names[:2], names[2:]) for part in decode.PARTS
        for name in group]
    first = [r for r in rows if r['name'] == names[0]]
    assert all(r['ratio'] == 1 and r['ms'] > 0 for r in first)
    for row in rows:  # with one turn the ratio is that of the times
        base = next(r for r in first if r['part'] == row['part'])
        assert row['ratio'] == pytest.approx(base['ms'] / row['ms'])
    table = capsys.readouterr().out.splitlines()[-4:]
    assert table[0] == '|---|---|---|' and all(line.count('|') == 4 for line in table)
    assert [line.split(' | ')[0][2:] for line in table[1:]] == names


def test_siga_reads_as_many_steps_as_asked(decode):
    decoder = decode.build(decode.ENTRIES[0], torch.device('cpu')).decoder
    steps = []
    call = decode.of_length(decoder, 4, lambda: steps.append(decoder.max_seq_len))
    call()
    assert steps == [4] and decoder.max_seq_len == 25
    with pytest.raises(ZeroDivisionError):
        decode.of_length(decoder, 4, lambda: 1 / 0)()
    assert decoder.max_seq_len == 25


def test_foreign_models_read_the_same_words(decode):
    cfg = ConfigDict(decoder=dict(
        type='ABIFuser', max_seq_len=26, dictionary=dict(dict_file='x.txt'),
        vision_decoder=dict(type='ABIVisionDecoder', max_seq_len=40), layers=[dict(dict_file='y')]))
    decode.level(cfg)
    assert cfg.decoder.vision_decoder.max_seq_len == cfg.decoder.max_seq_len == 26
    for holder in (cfg.decoder.dictionary, cfg.decoder.layers[0]):
        assert Path(holder.dict_file).name == 'lower_english_digits.txt'
    sar = ConfigDict(type='ParallelSARDecoder', max_seq_len=30)
    decode.level(sar)
    assert sar.max_seq_len == 25


@pytest.mark.parametrize('argv, message', [
    (['--lengths', '26'], '--lengths must be from 0 to 25'),
    (['--repeats', '0'], 'must be at least 1'),
])
def test_bad_arguments_are_named(decode, argv, message, capsys):
    with pytest.raises(SystemExit):
        decode.main(argv)
    assert message in capsys.readouterr().err


def test_unknown_models_are_named(decode, capsys):
    assert decode.main(['--models', 'CRNN']) == 2
    assert 'SRN R50-FPN' in capsys.readouterr().err
