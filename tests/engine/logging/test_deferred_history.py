import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer, MessageHub

from mmocr_siga.compat import checkpoint
from mmocr_siga.engine.hooks import DeferredRuntimeInfoHook
from mmocr_siga.engine.logging import DeferredHistory, deferred_history


@pytest.fixture
def reads(monkeypatch):
    """How often tensors were read into Python."""
    found = []
    tolist = torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, 'tolist', lambda self: found.append(self) or tolist(self))
    monkeypatch.setattr(torch.Tensor, 'item', lambda self: found.append(self) or tolist(self))
    return found


def test_tensors_are_read_together_and_late(reads):
    history = DeferredHistory(HistoryBuffer([1., 2.], [1, 1]))
    for value in (3., 4., 5.):
        history.update(torch.tensor(value, requires_grad=True))
    assert not reads
    assert history.mean(2) == 4.5 and history.current() == 5 and history.max() == 5
    assert len(reads) == 1
    assert history.data[0].tolist() == [1, 2, 3, 4, 5]
    assert history.statistics('min') == 1


def test_numbers_and_tensors_keep_their_order():
    history = DeferredHistory()
    history.update(torch.tensor([1.]))
    history.update(2)
    history.update(torch.tensor(3, dtype=torch.bfloat16))
    assert history.data[0].tolist() == [1, 2, 3] and history.data[1].tolist() == [1, 1, 1]
    with pytest.raises(TypeError, match='log_val must be int or float'):
        history.update('4')


def test_the_lists_are_bounded(monkeypatch, reads):
    monkeypatch.setattr(deferred_history, '_MOST_PENDING', 3)
    history = DeferredHistory()
    for value in range(7):
        history.update(torch.tensor(float(value)))
    assert len(reads) == 2  # after three and six
    history.max_length = 5
    history.update(torch.tensor(7.))
    assert history.data[0].tolist() == [3, 4, 5, 6, 7]


def test_a_checkpoint_holds_mmengines_class(tmp_path):
    history = DeferredHistory()
    history.update(torch.tensor(2.))
    torch.save(history, tmp_path / 'a.pth')
    for loaded in (checkpoint.load(tmp_path / 'a.pth'), pickle.loads(pickle.dumps(history))):
        assert type(loaded) is HistoryBuffer
        np.testing.assert_array_equal(loaded.data[0], [2])


def test_a_hub_reads_the_first_value_only(reads):
    """As the hook fills it."""
    hub, hook = MessageHub('deferred'), DeferredRuntimeInfoHook()
    hook.after_train_iter(SimpleNamespace(message_hub=hub), 0)
    for value in (1., 2., 3.):
        hook.after_train_iter(SimpleNamespace(message_hub=hub), 0,
                              outputs=dict(loss=torch.tensor(value), share=0.5))
    assert len(reads) == 1
    assert hub.get_scalar('train/loss').data[0].tolist() == [1, 2, 3]
    assert hub.get_scalar('train/share').current() == 0.5
    # It is stored and comes back as any other, and is deferred from then on.
    other = MessageHub('deferred, resumed')
    other.load_state_dict(hub.state_dict())
    deferred_history.update_later(other, 'train/loss', torch.tensor(4.))
    assert other.get_scalar('train/loss').data[0].tolist() == [1, 2, 3, 4]
    assert type(other.get_scalar('train/loss')) is DeferredHistory
