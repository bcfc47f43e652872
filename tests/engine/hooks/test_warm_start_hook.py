"""Two stages of training: the second starts from the first, and resumes from itself."""
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmocr_siga.models.utils.weights import WeightsMismatchError
from tests.helpers.toy_run import toy_config, write_words


class FirstStep(Hook):
    """Weights and iteration at the first step of a run."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if not hasattr(self, 'iter'):
            self.iter = runner.iter
            self.weights = {k: v.clone() for k, v in runner.model.state_dict().items()}


def stage(tmp_path, folder, steps, warm=None, resume=False, load_from=None, hooks=(), **options):
    """Train up to ``steps``; returns what the first step saw, and the runner."""
    cfg = toy_config(tmp_path, tmp_path / folder)
    cfg.optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-2))
    cfg.param_scheduler = None
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=steps, val_interval=1000)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.train_dataloader['sampler'] = dict(type='InfiniteSampler', shuffle=False)
    cfg.default_hooks['checkpoint'] = dict(type='CheckpointHook', interval=1, by_epoch=False)
    cfg.log_processor = dict(by_epoch=False)
    if warm:
        cfg.default_hooks['warm_start'] = dict(type='WarmStartHook', checkpoint=str(warm),
                                               **options)
    cfg.custom_hooks = list(hooks)
    cfg.resume, cfg.load_from = resume, load_from and str(load_from)
    runner = Runner.from_cfg(cfg)
    first = FirstStep()
    runner.register_hook(first, priority='LOWEST')
    runner.train()
    return first, runner


@pytest.fixture
def easy(tmp_path):
    """The checkpoint of a first stage of 3 steps."""
    write_words(tmp_path)
    stage(tmp_path, 'easy', 3)
    return tmp_path / 'easy' / 'iter_3.pth'


def weights(path):
    return torch.load(path, weights_only=False)['state_dict']


def equal(one, other):
    return all(torch.equal(value, other[key]) for key, value in one.items())


def test_the_second_stage_resumes_from_itself(tmp_path, easy):
    first, _ = stage(tmp_path, 'mixed', 2, warm=easy)
    assert first.iter == 0 and equal(first.weights, weights(easy))
    easy.unlink()  # nor is the file of the first stage looked at again
    again, runner = stage(tmp_path, 'mixed', 4, warm=easy, resume=True)
    own = tmp_path / 'mixed' / 'iter_2.pth'
    assert again.iter == 2 and equal(again.weights, weights(own))
    assert not equal(again.weights, first.weights)
    state = torch.load(own, weights_only=False)['optimizer']['state']
    assert int(state[0]['step']) == 2  # the optimiser is that of this stage, too
    saved = torch.load(tmp_path / 'mixed' / 'iter_4.pth', weights_only=False)
    assert int(saved['optimizer']['state'][0]['step']) == 4 and saved['meta']['iter'] == 4


def test_resuming_where_there_is_nothing_begins_warm(tmp_path, easy):
    first, _ = stage(tmp_path, 'mixed', 1, warm=easy, resume=True)
    assert first.iter == 0 and equal(first.weights, weights(easy))


def test_load_from_takes_its_place(tmp_path, easy):
    other = easy.parent / 'iter_1.pth'
    first, _ = stage(tmp_path, 'mixed', 1, warm=easy, load_from=other)
    assert first.iter == 0 and equal(first.weights, weights(other))


def test_averaged_weights_start_from_it_too(tmp_path, easy):
    ema = dict(type='EMAHook', ema_type='ExponentialMovingAverage', momentum=1e-6)
    _, runner = stage(tmp_path, 'mixed', 2, warm=easy, hooks=[ema])
    averaged = weights(tmp_path / 'mixed' / 'iter_1.pth')
    # The first step's weights are copied, and a step away from the warm ones.
    for name, value in weights(easy).items():
        if value.is_floating_point() and 'running' not in name:
            assert (averaged[name] - value).abs().max() < 0.011


def test_a_missing_file_is_named_before_the_first_step(tmp_path):
    write_words(tmp_path)
    with pytest.raises(FileNotFoundError, match='gone.pth.*first stage.*warm_start'):
        stage(tmp_path, 'mixed', 1, warm=tmp_path / 'gone.pth')


def test_none_starts_without(tmp_path):
    write_words(tmp_path)
    cfg = toy_config(tmp_path, tmp_path / 'cold')
    cfg.default_hooks['warm_start'] = dict(type='WarmStartHook', checkpoint='gone.pth')
    cfg.merge_from_dict({'default_hooks.warm_start.checkpoint': None})
    Runner.from_cfg(cfg).train()


def test_testing_needs_no_file(tmp_path):
    write_words(tmp_path)
    cfg = toy_config(tmp_path, tmp_path / 'test')
    cfg.default_hooks['warm_start'] = dict(type='WarmStartHook', checkpoint='gone.pth')
    Runner.from_cfg(cfg).test()


def test_a_part_alone(tmp_path, easy):
    first, _ = stage(tmp_path, 'mixed', 1, warm=easy, parts=dict(backbone='backbone'))
    cold, _ = stage(tmp_path, 'cold', 1)
    for name, value in first.weights.items():
        source = weights(easy) if name.startswith('backbone.') else cold.weights
        assert torch.equal(value, source[name]), name


def test_weights_of_another_model_are_refused(tmp_path, easy):
    content = torch.load(easy, weights_only=False)
    first = next(iter(content['state_dict']))
    del content['state_dict'][first]
    torch.save(content, tmp_path / 'part.pth')
    with pytest.raises(WeightsMismatchError, match=first):
        stage(tmp_path, 'mixed', 1, warm=tmp_path / 'part.pth')
