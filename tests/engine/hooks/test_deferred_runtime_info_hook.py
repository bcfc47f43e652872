"""The log of a run says what it says with MMEngine's hook."""
import json

from mmocr_siga.engine.logging import DeferredHistory
from tests.helpers.toy_run import build, toy_config, write_words


def logged(folder, name, deferred, epochs=2, resume=False):
    cfg = toy_config(folder, name, max_epochs=epochs)
    cfg.optim_wrapper.accumulative_counts = 1
    cfg.default_hooks['logger'] = dict(type='LoggerHook', interval=2)
    if deferred:
        cfg.default_hooks['runtime_info'] = dict(type='DeferredRuntimeInfoHook')
    else:
        del cfg.optim_wrapper['constructor']
    runner = build(cfg, resume=resume)
    runner.train()
    lines = next((folder / name).glob('*/vis_data/scalars.json')).read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k in ('loss', 'grad_norm', 'loss_ctc')}
            for line in lines], runner


def test_the_log_is_the_same(tmp_path):
    write_words(tmp_path)
    expected, plain = logged(tmp_path, 'plain', deferred=False)
    found, runner = logged(tmp_path, 'deferred', deferred=True)
    assert found == expected and 'grad_norm' in found[0] and 'loss' in found[0]
    for key in ('train/loss', 'train/grad_norm'):
        assert isinstance(runner.message_hub.get_scalar(key), DeferredHistory)
        assert not isinstance(plain.message_hub.get_scalar(key), DeferredHistory)
        assert len(runner.message_hub.get_scalar(key).data[0]) == 4
    # Stored, and resumed from.
    _, resumed = logged(tmp_path, 'deferred', deferred=True, epochs=3, resume=True)
    assert resumed.epoch == 3
    assert len(resumed.message_hub.get_scalar('train/loss').data[0]) == 6
