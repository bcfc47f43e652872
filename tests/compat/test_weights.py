"""Weights of others in a test run; those in inferencers are tested in tests/inference."""
import pytest
import torch
from mmengine.runner import Runner

from mmocr_siga.compat.weights import WeightsMismatchError
from tests.helpers.toy_run import build, toy_config, write_words


def test_a_test_refuses_weights_of_another_model(tmp_path):
    folder = write_words(tmp_path)
    runner = build(toy_config(folder, 'run'))
    assert isinstance(runner, Runner)
    state, path = runner.model.state_dict(), tmp_path / 'weights.pth'

    def tested(weights):
        torch.save(dict(state_dict=weights), path)
        again = build(toy_config(folder, 'test'), path)
        return again.test()

    assert 'recog/word_acc' in ' '.join(tested(state))
    first = next(name for name in state if name.startswith('backbone') and name.endswith('weight'))
    for weights, told in (({name: v for name, v in state.items() if name != first},
                           f'1 tensors are not in the weights:\n  {first}'),
                          (dict(state, **{first: torch.zeros(2)}), 'have another shape')):
        with pytest.raises(WeightsMismatchError, match=told):
            tested(weights)
    # A training may start from a part.
    build(toy_config(folder, 'train'), path).train()
