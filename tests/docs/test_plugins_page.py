"""What docs/guides/plugins.md shows runs as it is written there."""
import re

import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS

from tests.conftest import REPO
from tests.helpers.mmocr_models import RECOGNIZERS, batch, small_config

# The weights of each recognizer that tell characters apart.
CLASSIFIER = dict(sar='decoder.prediction.weight', aster='decoder.fc.weight',
                  robust='decoder.prediction.weight', nrtr='decoder.classifier.weight',
                  satrn='decoder.classifier.weight', master='decoder.cls.weight',
                  abinet='decoder.vision_decoder.cls.weight')
PAGE = REPO / 'docs' / 'guides' / 'plugins.md'


def block(words):
    """The block of Python on the page that holds some words."""
    text, = (block for block in re.findall(r'```python\n(.*?)```', PAGE.read_text('utf-8'),
                                           re.DOTALL) if words in block)
    return text


def test_a_recognizer_that_is_not_in_the_list():
    cfg = Config.fromstring(block('mmocr::textrecog/svtr/'), '.py').model
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
    MODELS.module_dict.pop('PluggedMyRecognizer', None)  # where another test has run the page
    exec(block('class MyRecognizer'), {})
    model = MODELS.build(small_config(
        'nrtr', type='PluggedMyRecognizer', plugins=dict(sec=dict(type='SECLoss')))).train()
    assert model.loss(*batch((32, 80)))['loss_sec'].isfinite()


@pytest.mark.parametrize('host', RECOGNIZERS)
def test_the_three_lines_over_any_recognizer(host):
    """The SEC loss teaches the classifier of each, and adds nothing to its weights."""
    lines = {}
    exec(block('satrn_shallow'), lines)
    model = MODELS.build(small_config(host, **lines['model'])).train()
    model.loss(*batch(RECOGNIZERS[host][2], words=('ab', 'c')))['loss_sec'].backward()
    classifier = dict(model.named_parameters())[CLASSIFIER[host.split('_')[0]]]
    assert classifier.grad.isfinite().all() and classifier.grad.any()
    assert not list(model.plugins.parameters())


def options():
    """Config and options of each row of the table of options."""
    rows = re.findall(r'^\|[^|]*\| (.*?) \| `(model\..*)` \|$', PAGE.read_text(encoding='utf-8'),
                      re.MULTILINE)
    return [(name, options) for names, options in rows
            for name in re.findall(r'`([\w/]+\.py)`', names)]


@pytest.mark.parametrize('name, changes', options())
def test_options_of_the_page(name, changes):
    cfg = Config.fromfile(REPO / (name if '/' in name else f'configs/plugins/{name}'))
    cfg.merge_from_dict(dict(change.split('=') for change in changes.split()))
    model = MODELS.build(cfg.model)
    if 'SECLoss' in changes:
        assert type(model.plugins.sec).__name__ == 'SECLoss'
    elif 'feed' in changes:
        assert model.plugins.glyph.feed
    else:
        assert type(model.decoder).__name__ == cfg.model.decoder.type == 'SequentialSARDecoder'
