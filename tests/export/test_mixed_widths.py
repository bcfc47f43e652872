"""Recognizers that keep the ratio of images, exported with any width."""
import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS

from mmocr_siga.apis import ONNXRecognizer, export_onnx
from mmocr_siga.inference.pipelines import packed, picture_pipeline
from tests.conftest import REPO
from tests.models.plugins.test_ctc_distillation import MODEL

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')


def test_words_of_several_widths_in_one_call(tmp_path):
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(MODEL)).eval()
    model.decoder.classifier.bias.data[model.decoder.blank] = -1  # reads something
    pipeline = Config.fromfile(REPO / 'configs/_base_/pipelines/height_48.py').test_pipeline
    model.cfg = Config(dict(test_dataloader=dict(dataset=dict(pipeline=pipeline))))
    with pytest.raises(ValueError, match='dynamic_width=True'):
        export_onnx(model, tmp_path / 'm.onnx')
    export_onnx(model, tmp_path / 'm.onnx', dynamic_width=True)
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (24, width, 3), np.uint8) for width in (40, 200, 50, 130)]
    found = ONNXRecognizer(tmp_path / 'm.onnx')([*images[:2], b'no picture', *images[2:]])
    assert 'error' in found.pop(2)
    load = picture_pipeline(model.cfg)
    for image, word in zip(images, found):
        data = packed(load, image)
        sample = model.test_step(dict(inputs=[data['inputs']],
                                      data_samples=[data['data_samples']]))[0]
        assert word['text'] == sample.pred_text.item and word['text']
        np.testing.assert_allclose(word['char_scores'], sample.pred_text.score, atol=1e-4)
