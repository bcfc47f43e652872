"""tools/benchmarks/infer.py and what it shares with train.py."""
import json
from pathlib import Path
from types import SimpleNamespace

import common
import infer
import pytest
import report
import torch
from mmengine.config import ConfigDict
from mmocr.structures import TextRecogDataSample

CONFIGS = Path(__file__).parents[3] / 'configs'
TINY = str(CONFIGS / 'siga_tiny.py')


def test_a_run(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('SIGA_DATA', str(tmp_path))
    out = tmp_path / 'infer.json'
    code = infer.main([
        f'ours={TINY}', f'base={CONFIGS / "siga_p_tiny.py"}', 'gone=mmocr::textrecog/gone.py',
        'graph=model.onnx', '--batch', '1', '2', '--words', '3', '--repeats', '2', '--precision',
        'float32', '--yardstick', 'base', '--no-memory', '--json', str(out)])
    assert code == 0
    content = json.loads(out.read_text())
    rows = {(r['name'], r['precision'], r['batch']): r for r in content['rows']}
    assert len(rows) == 4 * 2
    for batch in (1, 2):
        ours, base = rows['ours', 'float32', batch], rows['base', 'float32', batch]
        assert base['ratio'] == 1 and base['ratio_quartiles'] == [1, 1]
        assert ours['images_per_s'] > 0 and ours['calls'] > base['calls'] > 50
        assert list(ours['latency_ms']) == ['50', '90', '99']
        assert 'FileNotFoundError' in rows['gone', 'float32', batch]['error']
        assert 'error' in rows['graph', 'float32', batch]
    assert '3 words drawn' in content['environment']['words']
    assert 'not measured: FileNotFoundError' in capsys.readouterr().out
    assert infer.main(['gone.py', '--batch', '1', '--words', '1', '--no-memory']) == 1


def test_ways_to_run_a_model(tmp_path, capsys, monkeypatch):
    pytest.importorskip('onnxruntime')
    monkeypatch.setenv('SIGA_DATA', str(tmp_path))
    out = tmp_path / 'infer.json'
    code = infer.main([
        f'ours={TINY}', 'base=mmocr::textrecog/crnn/crnn_mini-vgg_5e_mj.py', '--form', 'plain',
        'optimized', 'decoder', 'onnx', 'onnx-int8', '--batch', '2', '--words', '2', '--repeats',
        '2', '--precision', 'amp-bf16', 'float32', '--no-memory', '--yardstick', 'base', '--json',
        str(out)])
    assert code == 0
    rows = {(r['name'], r['precision'], r['form']): r
            for r in json.loads(out.read_text())['rows']}
    # Exported models have a row in float32 alone.
    assert len(rows) == 2 * (2 * 3 + 2)
    # MMOCR's own cannot turn bfloat16 into its scores.
    assert all('error' not in rows[name, 'amp-bf16', form] for name in ('ours', 'base')
               for form in ('plain', 'optimized', 'decoder'))
    plain, fast, decoder = (rows['ours', 'float32', form]
                            for form in ('plain', 'optimized', 'decoder'))
    assert fast['calls'] < plain['calls'] > decoder['calls'] > 0
    # Decoders are compared with a decoder.
    assert rows['base', 'float32', 'decoder']['ratio'] == 1 and decoder['gflops'] is None
    for form in ('onnx', 'onnx-int8'):
        assert rows['ours', 'float32', form]['images_per_s'] > 0
        assert 'calls' not in rows['ours', 'float32', form]
        assert 'cannot be exported' in rows['base', 'float32', form]['error']
    assert rows['base', 'float32', 'plain']['ratio'] == 1
    assert '| ours | float32 | onnx-int8 |' in capsys.readouterr().out


def test_an_exported_model_reads_as_its_config(tmp_path, siga_data, monkeypatch):
    pytest.importorskip('onnxruntime')
    monkeypatch.setenv('SIGA_DATA', str(siga_data))
    words, _ = common.find_words(4)

    def reader(config, form, precision='float32'):
        row = common.Row(common.Candidate('tiny', config), common.parse_precision(precision), form)
        return infer.build_reader(row, torch.device('cpu'))

    texts = []
    for form in ('plain', 'optimized', 'onnx'):
        read = reader(TINY, form)
        batch = read.prepare(words, 4)[0]
        texts.append(read.read(batch.fresh(), batch.longest))
        assert {len(text) for text in read.read(batch.fresh(), 3)} == {4}
        assert read.parameters == pytest.approx(4.18, abs=0.01)
    assert texts[0] == texts[1] == texts[2]
    path, _, _ = infer.exported(common.Candidate('tiny', TINY), tmp_path, int8=True)
    read = reader(str(path), 'onnx')
    assert len(read.read(read.prepare(words, 4)[0].fresh(), 5)) == 4
    with pytest.raises(ValueError, match='in float32'):
        reader(str(path), 'onnx', 'amp-bf16')


@pytest.mark.parametrize('argv, message', [
    ([], 'give at least one config'),
    ([TINY, '--batch', '0'], '--batch: must be a whole number from 1'),
    ([TINY, '--yardstick', 'ABINet'], "no model is called 'ABINet'; there are siga_tiny"),
    ([TINY, TINY], "two models are called 'siga_tiny'"),
    ([TINY, '--weights', 'x=a.pth'], "--weights are given for ['x']"),
    ([TINY, '--precision', 'int8'], "a precision is one of float32"),
    ([TINY, '--device', 'abacus'], 'abacus'),
    pytest.param([TINY, '--device', 'cuda'], 'no CUDA device', marks=pytest.mark.skipif(
        torch.cuda.is_available(), reason='there is a CUDA device')),
    ([TINY, '--form', 'jit'], 'invalid choice'),
    ([TINY, '--form', 'onnx', '--precision', 'amp-bf16'], '--form onnx reads in float32'),
])
def test_bad_arguments_are_named(argv, message, capsys):
    with pytest.raises(SystemExit):
        infer.main(argv)
    assert message in capsys.readouterr().err


def test_untrained_models_read_words_as_long_as_their_labels():
    row = common.Row(common.Candidate('tiny', TINY), common.parse_precision('float32'))
    reader = infer.TorchReader(row, torch.device('cpu'))
    image = torch.randint(0, 256, (3, 32, 128), dtype=torch.uint8)
    sample = TextRecogDataSample()
    sample.set_metainfo(dict(img_shape=(32, 128), valid_ratio=1.0))
    batch = infer.Batch(dict(inputs=[image], data_samples=[sample]), 4)
    assert [len(text) for text in reader.read(batch.fresh(), 4)] == [5]
    assert [len(text) for text in reader.read(batch.fresh(), 99)] == [26]
    assert reader.model.decoder.max_seq_len == 25
    assert 'pred_text' not in sample  # batches are used again as they were


def test_foreign_models_read_the_same_words():
    cfg = ConfigDict(decoder=dict(
        type='ABIFuser', max_seq_len=26, dictionary=dict(dict_file='x.txt'),
        vision_decoder=dict(type='ABIVisionDecoder', max_seq_len=40), layers=[dict(dict_file='y')]))
    infer.level_words(cfg)
    assert cfg.decoder.vision_decoder.max_seq_len == cfg.decoder.max_seq_len == 26
    for holder in (cfg.decoder.dictionary, cfg.decoder.layers[0]):
        assert Path(holder.dict_file).name == 'lower_english_digits.txt'
    sar = ConfigDict(type='ParallelSARDecoder', max_seq_len=30)
    infer.level_words(sar)
    assert sar.max_seq_len == 25


def test_names_weights_and_precisions():
    assert common.parse_candidates(['a/siga_r.py', 'ABINet=mmocr::x.py'], ['siga_r=w.pth']) == [
        ('siga_r', 'a/siga_r.py', 'w.pth'), ('ABINet', 'mmocr::x.py', None)]
    assert common.parse_precision('float32') == ('float32', None, False, False)
    assert common.parse_precision('compiled+amp-fp16')[1:] == (torch.float16, True, False)
    assert common.parse_precision('amp-bf16+channels-last')[1:] == (torch.bfloat16, False, True)
    for text in ('', 'amp', 'amp-bf16+amp-fp16', 'float32+amp-bf16'):
        with pytest.raises(ValueError, match='a precision is one of'):
            common.parse_precision(text)


def test_ratios_are_taken_round_by_round_and_everyone_begins_one():
    assert list(map(''.join, common.turns('abc', 4))) == ['abc', 'bca', 'cab', 'abc']
    # The machine halves its speed: the models are 2, 2, 3 and 4 times as fast all the same.
    found = common.paired_ratio([20, 20, 15, 20], [10, 10, 5, 5])
    assert found['ratio'] == 2.5
    assert found['ratio_quartiles'] == pytest.approx([2, 3.25])
    assert report.ratio_text(found) == '2.50 (2.00-3.25)'


def test_the_yardstick_in_the_same_precision():
    rows = [common.Row(common.Candidate(name, ''), common.parse_precision(precision), form)
            for name, precision, form in (
                ('a', 'float32', 'plain'), ('b', 'float32', 'onnx'), ('a', 'amp-bf16', 'plain'),
                ('b', 'amp-bf16', 'plain'), ('b', 'compiled', 'plain'), ('a', 'float32', 'decoder'),
                ('b', 'float32', 'decoder'))]
    assert [rows.index(common.yardstick_of(row, rows, 'a')) for row in rows] == [
        0, 0, 2, 2, 0, 5, 5]
    assert common.yardstick_of(rows[0], rows, None) is None


def test_flops_and_operator_calls_by_hand():
    lstm = torch.nn.LSTM(8, 16)
    linear = torch.nn.Linear(10, 20)
    query = torch.rand(1, 2, 5, 4)
    attention = torch.nn.functional.scaled_dot_product_attention
    with torch.no_grad():
        assert common.gflops(lambda: linear(torch.rand(3, 10))) == pytest.approx(
            2 * 3 * 10 * 20 / 1e9)
        # Four gates of 16 from 8 inputs and 16 states, five steps.
        assert common.gflops(lambda: lstm(torch.rand(5, 1, 8))) == pytest.approx(
            2 * 5 * 64 * (8 + 16) / 1e9)
    # Scores and weighted sum: 2 heads, 5 x 5 pairs, 4 channels, twice, each a multiply-add.
    before = torch.backends.cuda.flash_sdp_enabled()
    assert 1e9 * common.gflops(lambda: attention(query, query, query)) == (
        pytest.approx(2 * 2 * (2 * 5 * 5 * 4)))
    assert torch.backends.cuda.flash_sdp_enabled() == before
    x = torch.ones(2, requires_grad=True)
    assert common.operator_calls(lambda: (x * x).detach() + 1) == 3


def test_words(tmp_path, siga_data, monkeypatch):
    monkeypatch.setenv('SIGA_DATA', str(tmp_path / 'none'))
    words, source = common.find_words(2)
    assert source.startswith('2 words drawn')
    assert all(w.text and Path(w.path).is_file() for w in words)
    monkeypatch.setenv('SIGA_DATA', str(siga_data))
    words, source = common.find_words(5)
    assert source == '5 of 300 real words (val)' and len({w.path for w in words}) == 5
    assert words == common.find_words(5)[0]
    words, _ = common.find_words(200, 'train')
    assert all(w.text.isalnum() and w.text.isascii() for w in words)


def test_memory_is_that_of_a_process_alone(capfd):
    precision = common.parse_precision('float32')
    rows = [common.Row(common.Candidate(name, config), precision)
            for name, config in (('tiny', TINY), ('gone', 'gone.py'))]
    measured = [SimpleNamespace(size=size, results={row: {} for row in rows}) for size in (1, 2)]
    args = SimpleNamespace(device=torch.device('cpu'), no_memory=False)
    common.add_memory(args, measured, 'val', infer.build_reader, infer.calls)
    for rounds in measured:
        assert rounds.results[rows[0]]['memory_mib'] > 200 and rounds.results[rows[1]] == {}
    assert 'gone, float32, plain: its memory is not known' in capfd.readouterr().err
