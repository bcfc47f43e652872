"""What docs/guides/plugins.md shows runs as it is written there."""
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS

from tests.helpers.hosts import batch, small_host

PAGE = Path(__file__).resolve().parents[2] / 'docs' / 'guides' / 'plugins.md'


def blocks():
    return re.findall(r'```python\n(.*?)```', PAGE.read_text(encoding='utf-8'), re.DOTALL)


@pytest.fixture
def config(tmp_path):
    """The config block of the page that starts from one of MMOCR's folders."""

    def load(host):
        text, = (block for block in blocks() if f'mmocr::textrecog/{host}/' in block)
        (tmp_path / 'config.py').write_text(text, encoding='utf-8')
        return Config.fromfile(tmp_path / 'config.py')

    return load


def test_one_line_is_enough(config):
    model = MODELS.build(config('satrn').model)
    assert list(model.plugins) == ['sec'] and not list(model.plugins.parameters())
    assert type(model.decoder).__name__ == 'NRTRDecoder'


def test_a_recogniser_that_is_not_in_the_list(config):
    cfg = config('svtr').model
    torch.manual_seed(0)
    model = MODELS.build(cfg).train()
    inputs, samples = batch((64, 256), words=('abc', 'zz'), ratios=(1.0, 1.0))
    losses = model(inputs, samples, mode='loss')
    assert set(losses) == {'loss_ctc', 'loss_sec'}
    losses['loss_sec'].backward()
    assert model.decoder.decoder.weight.grad.any() and losses['loss_sec'].isfinite()
    assert any(p.grad is not None and p.grad.any() for p in model.encoder.parameters())

    plain = {k: v for k, v in cfg.items() if k not in ('plugins', 'hooks')}
    host = MODELS.build(dict(plain, type='SVTR')).eval()
    assert str(host.load_state_dict(model.state_dict())) == '<All keys matched successfully>'
    with torch.no_grad():
        assert torch.equal(model.eval()(inputs, mode='tensor'), host(inputs, mode='tensor'))


def test_a_class_of_ones_own():
    text, = (block for block in blocks() if 'class MyRecognizer' in block)
    exec(text, {})
    model = MODELS.build(small_host(
        'nrtr', type='PluggedMyRecognizer', plugins=dict(sec=dict(type='SECLoss')))).train()
    assert model.loss(*batch((32, 80)))['loss_sec'].isfinite()
    MODELS.module_dict.pop('PluggedMyRecognizer')


def test_every_config_of_the_page_is_there():
    folder = PAGE.parents[1] / 'configs' / 'plugins'
    text = PAGE.read_text(encoding='utf-8')
    hosts = set(re.findall(r'`(\w+)`', text[text.index('`<host>_sec.py` for'):]))
    for path in folder.glob('*_sec.py'):
        assert path.stem[:-4] in hosts
