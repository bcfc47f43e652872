"""Two stages of training: the second starts from the first, and resumes from itself."""
import pytest
import torch

from mmocr_siga.models.utils.weights import WeightsMismatchError
from tests.helpers.toy_run import EachStep, build, toy_config, write_words

ADAM = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-2))


def stage(folder, name, steps, warm=None, resume=False, load_from=None, hooks=(), **options):
    """Train up to ``steps``; returns iteration and weights at the first step of the run."""
    cfg = toy_config(folder, name, max_iters=steps, optim_wrapper=ADAM, param_scheduler=None,
                     custom_hooks=list(hooks))
    if warm:
        cfg.default_hooks['warm_start'] = dict(type='WarmStartHook', checkpoint=str(warm),
                                               **options)
    steps = EachStep(lambda runner: (runner.iter, {
        name: value.clone() for name, value in runner.model.state_dict().items()}))
    build(cfg, load_from, resume, [steps]).train()
    return steps.seen[0]


@pytest.fixture
def words(tmp_path):
    return write_words(tmp_path)


@pytest.fixture
def easy(words):
    """The checkpoint of a first stage of 3 steps."""
    stage(words, 'easy', 3)
    return words / 'easy' / 'iter_3.pth'


def saved(path):
    return torch.load(path, weights_only=False)


def equal(one, path):
    return all(torch.equal(value, saved(path)['state_dict'][key]) for key, value in one.items())


def test_the_second_stage_resumes_from_itself(words, easy):
    start, first = stage(words, 'mixed', 2, warm=easy)
    assert start == 0 and equal(first, easy)
    easy.unlink()  # nor is the file of the first stage looked at again
    start, again = stage(words, 'mixed', 4, warm=easy, resume=True)
    own = words / 'mixed' / 'iter_2.pth'
    assert start == 2 and equal(again, own)
    assert not all(torch.equal(value, first[key]) for key, value in again.items())
    # The optimizer is that of this stage, too.
    steps = [int(saved(words / 'mixed' / f'iter_{i}.pth')['optimizer']['state'][0]['step'])
             for i in (2, 4)]
    assert steps == [2, 4] and saved(words / 'mixed' / 'iter_4.pth')['meta']['iter'] == 4


def test_resuming_nothing_begins_warm_and_load_from_takes_its_place(words, easy):
    start, first = stage(words, 'mixed', 1, warm=easy, resume=True)
    assert start == 0 and equal(first, easy)
    start, first = stage(words, 'other', 1, warm=easy, load_from=words / 'easy' / 'iter_1.pth')
    assert start == 0 and equal(first, words / 'easy' / 'iter_1.pth')
    # A part alone.
    _, first = stage(words, 'part', 1, warm=easy, parts=dict(backbone='backbone'))
    _, cold = stage(words, 'cold', 1)
    warm = saved(easy)['state_dict']
    for name, value in first.items():
        assert torch.equal(value, (warm if name.startswith('backbone.') else cold)[name]), name


def test_averaged_weights_start_from_it_too(words, easy):
    ema = dict(type='EMAHook', ema_type='ExponentialMovingAverage', momentum=1e-6)
    stage(words, 'mixed', 2, warm=easy, hooks=[ema])
    averaged = saved(words / 'mixed' / 'iter_1.pth')['state_dict']
    # The first step's weights are copied, and a step away from the warm ones.
    for name, value in saved(easy)['state_dict'].items():
        if value.is_floating_point() and 'running' not in name:
            assert (averaged[name] - value).abs().max() < 0.011


@pytest.mark.parametrize('checkpoint, verb', [(None, 'train'), ('gone.pth', 'test')])
def test_none_starts_without_and_testing_needs_no_file(words, checkpoint, verb):
    cfg = toy_config(words, verb)
    cfg.default_hooks['warm_start'] = dict(type='WarmStartHook', checkpoint=checkpoint)
    getattr(build(cfg), verb)()


def test_a_missing_file_and_weights_of_another_model_are_named(words):
    with pytest.raises(FileNotFoundError, match='gone.pth.*first stage.*warm_start'):
        stage(words, 'mixed', 1, warm=words / 'gone.pth')
    torch.save(dict(state_dict=dict(weight=torch.ones(1))), words / 'other.pth')
    with pytest.raises(WeightsMismatchError, match='backbone'):
        stage(words, 'mixed', 1, warm=words / 'other.pth')
