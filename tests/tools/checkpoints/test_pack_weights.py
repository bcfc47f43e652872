"""tools/checkpoints/pack_weights.py, and the models that it makes."""
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.model import ExponentialMovingAverage
from mmocr.apis import MMOCRInferencer
from mmocr.registry import MODELS

from mmocr_siga.apis import ONNXWordReader, WordInferencer
from mmocr_siga.inference.packaged import DEFAULT_MODEL, find_packaged, packaged_models
from mmocr_siga.models.plugins import SECLoss
from tests.conftest import REPO
from tests.helpers.ending import ended
from tests.helpers.readers import reader_files, word_picture, write_pictures
from tests.helpers.words import tiny_model
from tools.checkpoints import pack_weights as tool


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    return reader_files(tmp_path_factory.mktemp('reader'))


def run(files, folder, *options):
    return ended(tool.main, [*map(str, files), 'tiny', '--folder', str(folder), *options])


def test_a_packed_model_reads_the_same(files, tmp_path, capsys, monkeypatch):
    card = tmp_path / 'card.json'
    card.write_text(json.dumps(dict(data='noise', steps=0)))
    pictures = write_pictures(tmp_path / 'words', 5)
    out = tmp_path / 'out'
    assert run(files, out, '--dtype', 'float32', '--check', str(pictures), '--card',
               str(card)) == 0
    assert '5 pictures read alike' in capsys.readouterr().out
    assert {p.name for p in out.iterdir()} == {'tiny.json', 'tiny.onnx', 'tiny.pth', 'tiny.py'}
    held = torch.load(out / 'tiny.pth', weights_only=True)
    assert set(held) == {'state_dict'}
    assert not any(name.startswith('glyph_head.') for name in held['state_dict'])
    assert packaged_models(out) == ['tiny']
    model = find_packaged('tiny', out)
    assert model.card['characters'] == '0123456789abcdefghijklmnopqrstuvwxyz'
    assert model.card['input_size'] == [128, 32]
    assert model.card['weights']['bytes'] == (out / 'tiny.pth').stat().st_size
    assert model.card['source']['iter'] == 7 and 'cfg' not in model.card['source']
    assert model.card['provenance'] == dict(data='noise', steps=0)
    assert model.card['check']['greatest_difference_of_scores'] < 1e-5
    assert model.card['check']['onnxruntime']['score'] < 1e-4
    assert model.card['check']['onnxruntime']['box'] < 0.1
    # By its config anywhere, and by its name in the package.
    want = WordInferencer(*files, device='cpu', tta=0.6)(pictures)
    monkeypatch.setattr('mmocr_siga.inference.packaged.WEIGHTS_FOLDER', out)
    for read in (WordInferencer(out / 'tiny.py', device='cpu'),
                 WordInferencer('tiny', device='cpu'), ONNXWordReader('tiny')):
        got = read(pictures)
        assert [r.text for r in got] == [r.text for r in want]
        assert [r.score for r in got] == pytest.approx([r.score for r in want], abs=1e-5)
    # A checkpoint of the same model may take the place of the packaged weights.
    own = WordInferencer('tiny', files[1], 'cpu', tta=0.6)(pictures)
    assert [r.text for r in own] == [r.text for r in want]


def test_half_precision_is_checked(files, tmp_path, capsys):
    code = run(files, tmp_path)
    size = (tmp_path / 'tiny.pth').stat().st_size
    held = torch.load(tmp_path / 'tiny.pth', weights_only=True)['state_dict']
    assert {v.dtype for v in held.values() if v.dim() > 1} == {torch.float16}
    assert {v.dtype for v in held.values() if v.dim() == 1} == {torch.float32}
    # These weights are no trained ones: whether their scores survive is a matter of luck.
    err = capsys.readouterr().err
    assert code == 0 or 'differs by' in err or 'is read as' in err
    assert run(files, tmp_path, '--dtype', 'float32', '--limit', '0.01') == 2
    assert 'more than 0.01' in capsys.readouterr().err
    assert (tmp_path / 'tiny.pth').stat().st_size > size


def test_plug_ins_stay_behind_unless_they_read(monkeypatch):
    start = dict(type='PretrainedPPOCRv6', part='recognizer.backbone')
    model = dict(type='PluggedGlyphRecognizer', hooks=dict(type='FeatureHooks'), channels_last=True,
                 backbone=dict(type='LCNetV4', init_cfg=start),
                 encoder=dict(scales=((2, 2), ), sequence=[dict(type='X', init_cfg=start)]),
                 plugins=dict(sec=dict(type='SECLoss')))
    assert tool.without_start(tool.unplugged(model)) == dict(
        type='GlyphRecognizer', channels_last=True, backbone=dict(type='LCNetV4'),
        encoder=dict(scales=((2, 2), ), sequence=[dict(type='X')]))
    # As GlyphPlugin(feed=True).
    monkeypatch.setattr(SECLoss, 'feeds', True)
    assert tool.unplugged(model) is model


def test_the_characters_of_a_dictionary_with_the_space_are_known(tmp_path):
    model = tiny_model(glyph_head=None)
    model['decoder']['dictionary']['dict_file'] = '95'
    packed = tool.packaged_in(tmp_path, 'x')
    characters = tool._packed_dictionary(model, packed)
    assert len(characters) == 95 and ' ' in characters and not list(tmp_path.iterdir())
    assert model['decoder']['dictionary']['dict_file'] == 'english_digits_symbols_95.txt'


def test_averages():
    plain, mean = torch.zeros(2, 2), torch.ones(2, 2)
    own = dict(state_dict=dict(w=plain), ema_state_dict=dict(w=mean))
    assert tool.reading_weights(own, 'x')['w'].sum() == 4
    assert tool.reading_weights(own, 'x', 'state_dict')['w'].sum() == 0
    with pytest.raises(ValueError, match='no ema_state_dict'):
        tool.reading_weights(dict(state_dict=dict(w=plain)), 'x', 'ema_state_dict')
    # Those of MMEngine's hook.
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    hook = EMAHook()
    hook.ema_model = ExponentialMovingAverage(model, momentum=0.5)
    torch.nn.init.ones_(model.weight)
    hook.ema_model.update_parameters(model)
    average = hook.ema_model.module.weight.item()
    checkpoint = dict(state_dict=model.state_dict())
    hook.before_save_checkpoint(None, checkpoint)  # it exchanges the two
    assert tool.reading_weights(checkpoint, 'x')['weight'].item() == average
    assert tool.reading_weights(checkpoint, 'x', 'ema_state_dict')['weight'].item() == 1


def test_own_characters_travel_along(tmp_path):
    characters = '0123456789abcdefghijklmnopqrstuvwxyz'[::-1]
    (tmp_path / 'mine.txt').write_text('\n'.join(characters))
    model = tiny_model(glyph_head=None)
    model['decoder']['dictionary']['dict_file'] = str(tmp_path / 'mine.txt')
    files = reader_files(tmp_path, glyph_head=None, decoder=model['decoder'])
    out = tmp_path / 'out'
    assert run(files, out, '--dtype', 'float32') == 0
    (tmp_path / 'mine.txt').unlink()
    read = WordInferencer(out / 'tiny.py', device='cpu')
    assert ''.join(read.model.decoder.dictionary.dict[:36]) == characters
    assert find_packaged('tiny', out).card['characters'] == characters


def test_damaged_and_missing_weights(files, tmp_path, monkeypatch):
    run(files, tmp_path, '--dtype', 'float32')
    data = bytearray((tmp_path / 'tiny.pth').read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / 'tiny.pth').write_bytes(data)
    with pytest.raises(ValueError, match='is damaged'):
        WordInferencer(tmp_path / 'tiny.py')
    (tmp_path / 'tiny.pth').unlink()
    assert packaged_models(tmp_path) == []
    with pytest.raises(FileNotFoundError, match="weights of the model 'tiny' are not in this inst"):
        find_packaged('tiny', tmp_path)
    monkeypatch.setattr('mmocr_siga.inference.packaged.WEIGHTS_FOLDER', tmp_path)
    with pytest.raises(FileNotFoundError, match=f'{DEFAULT_MODEL}.*pack_weights.py.*weights=CHECK'):
        WordInferencer()


def test_other_readings_by_the_graph_are_refused(files, tmp_path, capsys, monkeypatch):
    read = tool.ONNXWordReader._read_alike
    picture = str(tmp_path / 'word.png')
    cv2.imwrite(picture, word_picture())
    for wrong, message in (
            (lambda r: replace(r, text='other'), "but as 'other' by onnxruntime"),
            (lambda r: replace(r, score=2.0), 'PyTorch and onnxruntime a score differs by'),
            (lambda r: replace(r, char_boxes=(np.array(r.char_boxes) + 8).tolist()),
             'a box by 8 pixels')):
        monkeypatch.setattr(tool.ONNXWordReader, '_read_alike', lambda *args, wrong=wrong: [
            wrong(result) for result in read(*args)])
        assert run(files, tmp_path, '--dtype', 'float32', '--check', picture) == 2
        assert message in capsys.readouterr().err


def test_straightened_words_are_read_by_pytorch_alone(tmp_path, capsys):
    files = reader_files(tmp_path, preprocessor=dict(type='TPSRectifier', output_size=(32, 128)))
    (tmp_path / 'tiny.onnx').write_text('of the model that was there before')
    assert run(files, tmp_path, '--dtype', 'float32') == 0
    assert 'no graph for onnxruntime: it tells no places' in capsys.readouterr().err
    assert 'graph' not in find_packaged('tiny', tmp_path).card
    assert not (tmp_path / 'tiny.onnx').exists()


def test_usage(files, tmp_path, capsys):
    for arguments in ([str(tmp_path / 'gone.py'), str(files[1]), 'a'],
                      [*map(str, files), 'not/a/name']):
        with pytest.raises(SystemExit):
            tool.main(arguments)
    (tmp_path / 'words').mkdir()
    assert run(files, tmp_path, '--check', str(tmp_path / 'words')) == 2
    assert 'none of the pictures could be read' in capsys.readouterr().err


def test_a_detector(tmp_path, capsys):
    config = REPO / 'configs/textdet/dbnet_lcnetv4.py'
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(config).model)
    torch.save(dict(state_dict=model.state_dict(), meta=dict(iter=3)), tmp_path / 'det.pth')
    pictures = write_pictures(tmp_path / 'scenes', 1)
    out = tmp_path / 'out'
    assert run((config, tmp_path / 'det.pth'), out, '--check', str(pictures), '--limit', '6') == 0
    assert 'MB; 1 pictures read alike' in capsys.readouterr().out
    assert sorted(p.name for p in out.iterdir()) == ['tiny.json', 'tiny.pth', 'tiny.py']
    packed = find_packaged('tiny', out)
    assert packed.card['parameters'] == 2_476_706  # with the statistics of norms
    assert packed.card['source']['iter'] == 3 and 'characters' not in packed.card
    assert 'Pretrained' not in packed.config.read_text()  # it is built without the package rapidocr
    find = MMOCRInferencer(det='dbnet_lcnetv4', det_weights=str(packed.weights), device='cpu')
    found, = find(str(pictures))['predictions']
    assert set(found) == {'det_polygons', 'det_scores'}
