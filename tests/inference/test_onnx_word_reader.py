"""By onnxruntime a packaged model reads what it reads by PyTorch."""
import os
import pickle
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS

from mmocr_siga.apis import ONNXWordReader, WordInferencer
from mmocr_siga.inference.packaged import DEFAULT_MODEL, packaged_in, packaged_models
from tests.conftest import REPO
from tests.helpers.readers import (
    PIPELINE,
    RESCALED,
    packed_reader,
    reader_files,
    word_picture,
    word_pictures,
)
from tests.helpers.words import DICTIONARY

onnx = pytest.importorskip('onnx', reason='the package onnx is not installed')

# CTC for lines of any width beside SIGA-P for words.
TWO_READERS = dict(
    type='GlyphRecognizer',
    data_preprocessor=dict(type='WordDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3),
    backbone=dict(type='LCNetV4', stem_channels=(4, 8), depths=(1, 1, 1)),
    encoder=dict(
        type='SIGAEncoder', in_channels=(8, 16, 32), pyramid=(0, 1), pyramid_scale=(2, 1),
        sequence=dict(type='LightSVTREncoder', in_channels=32, channels=8, num_heads=2,
                      num_blocks=1),
        context_channels=8, column_context=True, fusion_channels=8, hidden_size=8, max_seq_len=7),
    decoder=dict(
        type='TwoReaderDecoder', dictionary=dict(DICTIONARY, with_padding=True),
        first=dict(type='CTCDecoder', in_channels=8),
        second=dict(type='SIGAParallelDecoder', in_channels=8, output_size=8, max_seq_len=7)))


def two_reader_files(folder):
    pipeline = Config.fromfile(REPO / 'configs/_base_/pipelines/height_48.py').test_pipeline
    cfg = Config(dict(model=TWO_READERS,
                      test_dataloader=dict(dataset=dict(pipeline=pipeline))))
    cfg.dump(str(folder / 'reader.py'))
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    # Different columns are different characters.
    images = torch.stack([torch.from_numpy(cv2.resize(image, (160, 48))).permute(2, 0, 1)
                          for image in word_pictures(12)]).float().sub(127.5).div(127.5)
    classifier = model.decoder.first.classifier
    with torch.no_grad():
        columns = model.encoder.sequence(model.extract_feat(images)).flatten(0, 1)
        classifier.weight.copy_(8 * classifier.weight / columns.std(0))
        classifier.bias.copy_(-classifier.weight @ columns.mean(0))
    torch.save(dict(state_dict=model.state_dict()), folder / 'reader.pth')
    return folder / 'reader.py', folder / 'reader.pth'


MAKERS = dict(stretched=lambda folder: reader_files(folder, PIPELINE, channels_last=True),
              padded=lambda folder: reader_files(folder, RESCALED),
              two_readers=two_reader_files)


@pytest.fixture(scope='module', params=list(MAKERS))
def packed(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return packed_reader(folder, *MAKERS[request.param](folder))


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp('small')
    return packed_reader(folder, *reader_files(folder))


def alike(one, two, pixels=0.01):
    assert (one.path, one.text, one.size, one.error, one.view) == (
        two.path, two.text, two.size, two.error, two.view)
    assert one.score == pytest.approx(two.score, abs=1e-3)
    np.testing.assert_allclose(one.char_scores, two.char_scores, atol=1e-3)
    for name in ('char_boxes', 'mask'):
        assert (getattr(one, name) is None) == (getattr(two, name) is None), name
    assert np.shape(one.char_boxes) == np.shape(two.char_boxes)
    # Of longer lines there are no glyph maps; PyTorch knows the alignment, too.
    if one.char_boxes is not None and len(one.text) <= 7:
        np.testing.assert_allclose(one.char_boxes, two.char_boxes, atol=pixels)
    if one.mask is not None:
        assert (one.mask == two.mask).mean() > 0.99


@pytest.mark.parametrize('tta', [0, 1])
def test_it_reads_as_by_pytorch(packed, tta):
    wide = cv2.resize(np.concatenate(word_pictures(12), 1), (2000, 48))
    pictures = [*word_pictures(7, widths=(60, 90, 150, 33)), b'no picture', wide, 'gone.png']
    if not tta:
        pictures.append(np.zeros((1, 1), np.uint8))  # of which all views are equally probable
    want = WordInferencer(packed.config, device='cpu', tta=tta)(pictures, return_masks=True)
    assert len({result.text for result in want}) > 3
    read = ONNXWordReader(packed.config, tta=tta)
    for batch_size in (1, 32):
        got = read(pictures, batch_size, return_masks=True)
        assert len(got) == len(want)
        for one, two in zip(want, got):
            alike(one, two)
    assert read(pictures[0], return_char_boxes=False)[0].char_boxes is None
    assert [r.text for r in read.iter_read(iter(pictures), 3)] == [r.text for r in want]


def test_weights_are_in_one_file(packed):
    graph = onnx.load(str(packed.graph), load_external_data=False).graph
    data, referred = packed.weights.read_bytes(), 0
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}
            assert place['location'] == packed.weights.name
            assert int(place['offset']) + int(place['length']) <= len(data)
            referred += int(place['length'])
        else:
            assert len(tensor.raw_data) < 256
    held = torch.load(packed.weights, weights_only=True)['state_dict'].values()
    sizes = [value.numel() * value.element_size() for value in held]
    assert referred >= sum(size for size in sizes if size >= 256) * 0.5
    assert packed.card['graph']['bytes'] == packed.graph.stat().st_size


def test_copies_links_and_forks(small, tmp_path):
    picture = word_picture()
    want = ONNXWordReader(small.config)(picture)[0].text
    assert pickle.loads(pickle.dumps(ONNXWordReader(small.config)))(picture)[0].text == want != ''
    for file in (small.config, small.weights, small.card_file, small.graph):  # as a store lays them
        (tmp_path / file.name).symlink_to(file)
    assert ONNXWordReader(tmp_path / 'reader.py')(picture)[0].text == want


FORKED = """
import os, signal, sys
import numpy as np
from mmocr_siga.apis import ONNXWordReader
pictures = list(np.random.default_rng(0).integers(0, 256, (4, 64, 256, 3), np.uint8))
read = ONNXWordReader(sys.argv[1], threads=2)
want = [r.text for r in read(pictures)]
child = os.fork()
if child == 0:
    signal.alarm(120)
    os._exit([r.text for r in read(pictures)] != want)
failed = os.waitpid(child, 0)[1] or [r.text for r in read(pictures)] != want
print(sorted({'torch', 'torchvision', 'mmocr', 'mmengine', 'mmcv', 'mmdet'} & set(sys.modules)))
sys.exit(bool(failed))
"""


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no forks here')
def test_a_forked_process_reads_and_no_framework_is_imported(small):
    done = subprocess.run([sys.executable, '-c', FORKED, str(small.config)], capture_output=True,
                          text=True, env={**os.environ, 'PYTHONPATH': str(REPO)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == '[]'


@pytest.mark.parametrize('name', ['weights', 'graph'])
def test_damage_is_found(small, tmp_path, name):
    for file in (small.config, small.weights, small.card_file, small.graph):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = getattr(packaged_in(tmp_path, 'reader'), name)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f'{path.name} is damaged'):
        ONNXWordReader(tmp_path / 'reader.py')


def test_what_it_does_not_have(small, tmp_path):
    with pytest.raises(ValueError, match='nbest=2: by onnxruntime'):
        ONNXWordReader(small.config)(word_picture(), nbest=2)
    with pytest.raises(ValueError, match='whole number from 1 on'):
        ONNXWordReader(small.config)(word_picture(), batch_size=0)
    with pytest.raises(ValueError, match='config of no packaged model'):
        ONNXWordReader(reader_files(tmp_path)[0])
    with pytest.raises(ValueError, match='tta must be a probability'):
        ONNXWordReader(small.config, tta=2)


@pytest.mark.skipif(DEFAULT_MODEL not in packaged_models(), reason='no packaged weights')
def test_the_packaged_reader_reads_real_words_as_by_pytorch(siga_data):
    folder = siga_data / 'real' / 'svt_train'
    lines = (folder / 'val.tsv').read_text('utf-8').splitlines()[:12]
    paths = [folder / line.split('\t')[0] for line in lines]
    for one, two in zip(WordInferencer(device='cpu')(paths), ONNXWordReader()(paths)):
        alike(one, two, pixels=1)


@pytest.mark.parametrize('name', packaged_models())
def test_packaged_models_are_small(name):
    files = packaged_in(REPO / 'mmocr_siga/weights', name)
    assert sum(file.stat().st_size for file in files if file.is_file()) <= 12e6
