import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS
from torch import nn

from mmocr_siga.apis import ONNXRecognizer, export_onnx, quantize_onnx
from mmocr_siga.export.onnx_export import export_metadata
from mmocr_siga.models.layers import AttentionRefinement
from tests.helpers.words import DICTIONARY, END, tiny_model

onnx = pytest.importorskip('onnx', reason='the package onnx is not installed')
ort = pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')

RESIZED = [dict(type='Resize', scale=(64, 32), keep_ratio=False, interpolation='bicubic')]
PADDED = [dict(type='RescaleToHeight', height=32, min_width=8, max_width=64, width_divisor=8),
          dict(type='PadToWidth', width=64)]
MODELS_OF = dict(
    siga=dict(),
    siga_94=dict(decoder=dict(
        tiny_model()['decoder'], dictionary=dict(DICTIONARY, dict_file='94', with_padding=True),
        max_seq_len=4), encoder=dict(tiny_model()['encoder'], max_seq_len=4)),
    siga_rectified=dict(preprocessor=dict(type='TPSRectifier', output_size=(32, 64),
                                          num_points=8)),
    # SVTR as backbone, behind a rectifier as in SIGA_S.
    siga_svtr=dict(
        preprocessor=dict(type='TPSRectifier', output_size=(32, 64), num_points=8),
        backbone=dict(type='SIGASVTR', img_size=(32, 64), embed_dims=(8, 12, 16), depth=(1, 1, 1),
                      num_heads=(2, 2, 2), local_blocks=2, out_channels=8),
        encoder=dict(tiny_model()['encoder'], in_channels=(4, 8, 12, 8), pyramid=(1, 2),
                     pyramid_scale=(2, 1), row_convs=0)),
    plain=dict(kind='plain'),
    covered=dict(decoder=dict(tiny_model()['decoder'], coverage=dict(kernel_size=5))),
    coverage=dict(kind='coverage'),
    coverage_map=dict(  # of four rows
        encoder=dict(type='MapPositionEncoder', in_channels=8, channels=8),
        decoder=dict(tiny_model('coverage')['decoder'], kernel_size=(3, 5), num_layers=3,
                     skip_blank=True, dictionary=dict(DICTIONARY, dict_file='95'))),
    parallel=dict(kind='parallel'),
    reasoning=dict(decoder=dict(tiny_model('parallel')['decoder'], reasoning=dict(
        type='GSRM', num_layers=1, num_heads=2, inner_channels=8))),
    srn=dict(decoder=dict(tiny_model('srn')['decoder'], cut_at_end=True), kind='srn'))


def build(kind='siga', transforms=RESIZED, **changes):
    """A recognizer with random weights, whose words differ from each other."""
    torch.manual_seed(1)
    model = MODELS.build(tiny_model(glyph_head=None, **{**MODELS_OF[kind], **changes})).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(std=0.3)
                module.running_var.uniform_(0.2, 1.5)
            if isinstance(module, (nn.Linear, nn.Embedding)):
                module.weight.mul_(3)
            if getattr(module, 'coverage', None) is not None:
                module.coverage.normal_(std=2.0)
            if isinstance(module, AttentionRefinement):
                module.running_var.fill_(1e-3)
    pipeline = [dict(type='LoadImageFromFile'), dict(type='EnsureBGR'), *transforms,
                dict(type='LoadOCRAnnotations', with_text=True), dict(type='PackTextRecogInputs')]
    model.cfg = Config(dict(test_dataloader=dict(dataset=dict(pipeline=pipeline))))
    return model


def images(count, width=64, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 4, width // 8, 3), dtype=np.uint8)
    return coarse.repeat(8, 1).repeat(8, 2)


def read_by_torch(model, pictures, samples=None):
    """Probabilities, normalized here and not by the graph: BGR to RGB, (x - 127) / 64."""
    inputs = torch.from_numpy(pictures[..., ::-1].copy()).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        return model((inputs - 127) / 64, samples, mode='tensor')


def run(path, pictures, outputs=('tokens', 'scores'), **feeds):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    return session.run(list(outputs), dict(images=pictures, **feeds))


def end_after(model, pictures, step):
    """Exchange classes so that a word of the batch ends at a step."""
    chosen = int(read_by_torch(model, pictures)[0, step].argmax())
    last = {'SIGADecoder': lambda d: d.reader, 'ImplicitAttentionDecoder': lambda d: d.cell,
            'CoverageTransformerDecoder': lambda d: d}
    reader = last[type(model.decoder).__name__](model.decoder)
    with torch.no_grad():
        for value in (reader.classifier.weight, reader.classifier.bias, reader.embedding.weight):
            value[[END, chosen]] = value[[chosen, END]].clone()


def agrees(model, path, pictures, samples=None, **feeds):
    """Compare a graph with its model; returns the scores."""
    expected = read_by_torch(model, pictures, samples)
    tokens, scores = run(path, pictures, **feeds)
    steps = tokens.shape[1]
    assert steps <= model.decoder.max_seq_len + 1
    assert np.array_equal(tokens, expected.argmax(-1)[:, :steps])
    np.testing.assert_allclose(scores, expected.amax(-1)[:, :steps], atol=1e-5)
    assert (expected.argmax(-1)[:, steps:] == model.decoder.dictionary.end_idx).all()
    return scores


@pytest.mark.parametrize('kind', list(MODELS_OF))
def test_the_graph_reads_as_the_model_at_any_batch_size(kind, tmp_path):
    model = build(kind)
    export_onnx(model, tmp_path / 'model.onnx')
    for count in (1, 4):
        agrees(model, tmp_path / 'model.onnx', images(count, seed=count))


@pytest.mark.parametrize('kind', ['siga', 'plain', 'coverage'])
def test_the_loop_ends_with_the_last_word(kind, tmp_path):
    model, pictures = build(kind), images(5)
    end_after(model, pictures, 2)
    export_onnx(model, tmp_path / 'model.onnx')
    expected = read_by_torch(model, pictures).argmax(-1)
    ends = [(row == END).nonzero()[0].item() if (row == END).any() else 7 for row in expected]
    for rows in ([0], list(range(5))):
        tokens, _ = run(tmp_path / 'model.onnx', pictures[rows])
        longest = max(ends[row] for row in rows)
        assert tokens.shape == (len(rows), longest + 1)
    assert ends[0] <= 2


@pytest.mark.parametrize('kind', ['siga', 'parallel', 'coverage', 'coverage_map', 'srn'])
def test_padding_is_not_looked_at(kind, tmp_path):
    model, path = build(kind, PADDED), tmp_path / 'model.onnx'
    assert export_onnx(model, path)['preprocessing']['keep_ratio'] is True
    pictures, ratios = images(3), [1.0, 0.5, 0.3]
    samples = [dict(valid_ratio=ratio) for ratio in ratios]
    scores = agrees(model, path, pictures, samples, valid_ratio=np.array(ratios, np.float32))
    _, unmasked = run(path, pictures, valid_ratio=np.ones(3, np.float32))
    assert not np.allclose(scores[1:, :1], unmasked[1:, :1], atol=1e-5)
    assert len(ONNXRecognizer(path)([pictures[0], pictures[0][:, :16]])) == 2


def test_glyph_maps(tmp_path):
    model, pictures = build(), images(2)
    export_onnx(model, tmp_path / 'model.onnx', glyph_maps=True)
    tokens, fine, coarse = run(tmp_path / 'model.onnx', pictures,
                              ('tokens', 'glyph_maps_fine', 'glyph_maps_coarse'))
    inputs = torch.from_numpy(pictures[..., ::-1].copy()).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        maps = model.encoder(model.extract_feat((inputs - 127) / 64)).glyph_maps
    np.testing.assert_allclose(coarse, maps['coarse'].softmax(1), atol=1e-5)
    np.testing.assert_allclose(fine, maps['fine'].softmax(1), atol=1e-5)
    word = ONNXRecognizer(tmp_path / 'model.onnx')(pictures[0], return_glyph_maps=True)[0]
    np.testing.assert_allclose(word['glyph_maps']['fine'], fine[0], atol=1e-5)
    with pytest.raises(ValueError, match='no glyph maps to output: SRNEncoder'):
        export_onnx(build('srn'), tmp_path / 'srn.onnx', glyph_maps=True)


@pytest.mark.parametrize('kind', ['siga', 'covered', 'coverage_map'])
def test_any_width_of_a_model_that_stays_as_it_was(kind, tmp_path):
    model = build(kind)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    export_onnx(model.train(), tmp_path / 'model.onnx', dynamic_width=True)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    for width in (64, 96):
        agrees(model.eval(), tmp_path / 'model.onnx', images(2, width))


def test_metadata_in_the_file(tmp_path):
    written = export_onnx(build('siga_94'), tmp_path / 'model.onnx', name='my_model')
    graph = onnx.load(str(tmp_path / 'model.onnx'))
    found = json.loads({p.key: p.value for p in graph.metadata_props}['mmocr_siga'])
    assert found == written
    assert (found['format_version'], found['model'], found['max_seq_len']) == (1, 'my_model', 4)
    dictionary = found['dictionary']
    assert len(dictionary['characters']) == 96 and dictionary['characters'][10] == 'a'
    assert dictionary['characters'][dictionary['end_idx']] == '<EOS>'
    assert [dictionary['characters'][i] for i in dictionary['ignored']] == ['<PAD>']
    assert found['preprocessing'] == dict(
        steps=[dict(type='resize', interpolation='bicubic', width=64, height=32)], size=[32, 64],
        keep_ratio=False, channel_order='bgr', layout='NHWC', dtype='uint8',
        in_graph=dict(swap_channels=True, mean=[127, 127, 127], std=[64, 64, 64]))


@pytest.mark.parametrize('kind', ['siga', 'parallel', 'srn'])
def test_int8_reads_nearly_the_same(kind, tmp_path):
    model, pictures = build(kind), images(3)
    export_onnx(model, tmp_path / 'float.onnx')
    quantize_onnx(tmp_path / 'float.onnx', tmp_path / 'int8.onnx')
    kinds = {t.data_type for t in onnx.load(str(tmp_path / 'int8.onnx')).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds
    _, exact = run(tmp_path / 'float.onnx', pictures)
    _, rough = run(tmp_path / 'int8.onnx', pictures)
    assert 0 < np.abs(exact[:, 0] - rough[:, 0]).max() < 0.1
    assert ONNXRecognizer(tmp_path / 'int8.onnx').metadata['max_seq_len'] == 7


def test_what_cannot_be_exported_is_named(tmp_path):
    path = tmp_path / 'model.onnx'
    with pytest.raises(TypeError, match='Linear cannot be exported'):
        export_onnx(nn.Linear(2, 2), path)
    foreign = build(encoder=None, decoder=dict(
        type='CRNNDecoder', in_channels=8, rnn_flag=True, dictionary=dict(
            DICTIONARY, with_padding=True),
        module_loss=dict(type='CTCModuleLoss'), postprocessor=dict(type='CTCPostProcessor')))
    with pytest.raises(TypeError, match='CRNNDecoder cannot be exported'):
        export_onnx(foreign, path)
    for opset in (15, 21, True, '17'):
        with pytest.raises(ValueError, match='opset must be a whole number from 16 to 20'):
            export_onnx(build(), path, opset=opset)
    without = build()
    del without.cfg
    with pytest.raises(ValueError, match='set model.cfg'):
        export_onnx(without, path)
    for target, error, message in (
            ('.', IsADirectoryError, 'is a folder'),
            ('gone/model.onnx', FileNotFoundError, 'cannot write .*gone.model.onnx: No such file')):
        with pytest.raises(error, match=message):
            export_onnx(build(), tmp_path / target)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('transforms, message', [
    ([], 'must bring all images to one size'),
    ([dict(type='Resize', scale=(64, 32), keep_ratio=True)], 'has the step'),
    ([dict(type='Resize', scale=(64, 32), backend='pillow')], 'resizes by'),
    ([dict(type='RescaleToHeight', height=32)], 'must bring all images to one size'),
    ([dict(type='RescaleToHeight', height=32), dict(type='PadToWidth', width=64)],
     'needs a max_width'),
    ([*RESIZED, dict(type='ImgAugWrapper')], 'ImgAugWrapper'),
    ([dict(type='LoadImageFromFile', color_type='grayscale'), *RESIZED], "images as 'grayscale'"),
    ([PADDED[0], dict(PADDED[1], pad_cfg=dict(padding_mode='edge'))], 'pads by'),
])
def test_pipelines_that_a_reader_does_not_know(transforms, message):
    with pytest.raises(ValueError, match=message):
        export_metadata(build(transforms=transforms))
