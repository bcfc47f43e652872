"""--launcher pytorch on two machines, which two loopback addresses stand for, as
docs/guides/train_full_size.md says."""
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mmocr_siga.compat.cpu_launcher import has_accelerator
from tests.conftest import REPO
from tests.helpers.toy_run import toy_config, write_words

pytestmark = [
    pytest.mark.skipif(has_accelerator(), reason='only for machines without accelerator'),
    pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason='no gloo'),
    pytest.mark.skipif(sys.platform != 'linux', reason='one loopback address'),
]
PAGE = REPO / 'docs/guides/train_full_size.md'


def test_two_machines_train_as_one(tmp_path):
    cfg = toy_config(write_words(tmp_path), 'unused', max_iters=2)
    cfg.custom_imports = dict(imports=['mmocr_siga', 'tests.helpers.toy_run'],
                              allow_failed_imports=False)
    cfg.pop('work_dir')
    cfg.log_level = 'INFO'
    cfg.dump(tmp_path / 'toy.py')
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    mim = shutil.which('mim', path=str(Path(sys.executable).parent)) or shutil.which('mim')
    env = dict(os.environ, CUDA_VISIBLE_DEVICES='', GLOO_SOCKET_IFNAME='lo', PET_NNODES='2',
               PET_RDZV_BACKEND='c10d', PET_RDZV_ID='siga', PET_RDZV_ENDPOINT=f'127.0.0.1:{port}',
               PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']]),
               PYTHONPATH=os.pathsep.join([str(REPO), os.environ.get('PYTHONPATH', '')]))
    told = {name for name in re.findall(r'PET_\w+', PAGE.read_text('utf-8')) if name != 'PET_'}
    assert told == {name for name in env if name.startswith('PET_')} | {'PET_LOCAL_ADDR'}
    machines = [subprocess.Popen(
        [mim, 'train', 'mmocr', str(tmp_path / 'toy.py'), '--launcher', 'pytorch', '--gpus', '1',
         '--work-dir', str(tmp_path / f'machine{i}')], cwd=tmp_path,
        env=dict(env, PET_LOCAL_ADDR=f'127.0.0.{i}'), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True) for i in (1, 2)]
    said = [machine.communicate(timeout=600)[0] for machine in machines]
    for machine, text in zip(machines, said):
        assert machine.returncode == 0, text[-3000:]
    # The first process logs and saves for both.
    assert sum('GPU number: 2' in text for text in said) == 1
    assert len(list(tmp_path.glob('machine*/iter_2.pth'))) == 1
