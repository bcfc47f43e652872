import threading
from concurrent.futures import ThreadPoolExecutor

from mmengine.registry import DefaultScope

from mmocr_siga.inference.forward import mmocr_scope


def test_threads_share_the_scope_and_the_last_leaves_it():
    before = DefaultScope.get_current_instance()
    inside, go_on = threading.Event(), threading.Event()

    def first():
        with mmocr_scope():
            inside.set()
            assert go_on.wait(20)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(first)
        assert inside.wait(20)
        with mmocr_scope():
            go_on.set()
            done.result()  # who came first is gone
            assert DefaultScope.get_current_instance().scope_name == 'mmocr'
    after = DefaultScope.get_current_instance()
    assert getattr(after, 'instance_name', None) == getattr(before, 'instance_name', None)


def test_many_threads():
    before = DefaultScope.get_current_instance()
    name = None if before is None else before.instance_name

    def enter(_):
        for _ in range(50):
            with mmocr_scope():
                assert DefaultScope.get_current_instance().scope_name == 'mmocr'

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(enter, range(4)))
    after = DefaultScope.get_current_instance()
    assert (None if after is None else after.instance_name) == name
