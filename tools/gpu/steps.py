"""Run what is to be known of this package on a GPU, step by step, within a time; see run.sh.

Every step is a process of its own with a time of its own. After each one the folder of results is
written anew: `gpu.json` with all results, `gpu.md`, `logs.tar.gz`, and the weights that were
trained in pieces, with `SHA256SUMS`. A step that is done is not run again; one that failed is,
after those that were not tried.
"""
from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from collect import ROOT, check_pieces, join, markdown, split, write

PYTHON = sys.executable
BENCHMARKS = 'tools/benchmarks'
MMOCR_MODELS = ('ABINet=mmocr::textrecog/abinet/abinet_20e_st-an_mj.py',
                'SVTR-tiny=mmocr::textrecog/svtr/svtr-tiny_20e_st_mj.py')
PACKED = 'mmocr_siga/weights/siga_lcnet_words.py'
WEIGHTS = 'reader.pth'
# Of a call: what is left for writing results.
RESERVE = 8


class Step(NamedTuple):
    """A step: its name, which says where its log and results lie, what it finds out, the most and
    least seconds that it is given, and a command that writes ``{json}``."""
    name: str
    title: str
    most: int
    least: int
    command: tuple[str, ...]
    quiet: bool = True  # whether it waits until the words are rendered


def plan(device: str, tiny: bool, work: Path) -> list[Step]:
    """The steps in order of worth, but for the tests: they run while the words are rendered."""
    def pick(whole: Any, small: Any) -> Any:
        return small if tiny else whole

    def tool(name: str, *options: Any) -> tuple[str, ...]:
        return (PYTHON, f'{BENCHMARKS}/{name}.py', *map(str, options), '--device', device,
                '--no-memory', '--json', '{json}')

    main = pick('configs/siga_r31.py', 'configs/siga_tiny.py')
    real = pick('tools/gpu/siga_r31_real_words.py', 'configs/siga_tiny.py')
    ours = pick(('projects/siga/configs/siga_r.py', 'configs/siga_p_r31.py',
                 'configs/srn_r50_fpn.py'), ('configs/srn_tiny.py', ))
    others = pick(MMOCR_MODELS, ())
    precisions = pick(('float32', 'amp-bf16', 'amp-fp16', 'amp-bf16+channels-last'),
                      ('amp-bf16+channels-last', ))
    batches, one, half = pick((256, 64), (2, )), pick(256, 2), pick('amp-fp16', 'amp-bf16')
    workers, repeats = pick(16, 1), pick(5, 1)
    tests = pick(cuda_tests(), cuda_tests()[:1])
    steps = [
        Step('tests', 'Tests of the suite that need CUDA', 120, 40, (
            PYTHON, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-m', 'cuda',
            '--junitxml={json}', *tests), quiet=False),
        Step('reader', 'The packaged reader, trained on', 240, 220, (
            PYTHON, 'tools/gpu/reader.py', str(work / 'reader'), '--teacher',
            str(work / 'pack/teacher.pth'), '--seconds', pick('140', '1'), '--batch', str(one),
            '--workers', pick('16', '0'))),
        Step('siga_r31', 'Training steps of the main config', 90, 40, tool(
            'train', main, '--batch', *batches, '--precision', *precisions, '--repeats', repeats,
            '--busy')),
        Step('loading', 'Training behind workers that load and augment', 60, 30, tool(
            'train', main, '--batch', one, '--precision', 'amp-bf16', '--repeats', repeats,
            '--busy', '--workers', workers)),
        Step('models', 'Training steps of several models', 110, 50, tool(
            'train', main, *ours, *others, '--batch', *batches[:1], '--precision',
            *pick(('amp-bf16', 'float32'), ('float32', )), '--repeats', repeats, '--busy',
            '--yardstick', Path(main).stem)),
        Step('waits', 'Where a training step waits for the device', 50, 25, (
            PYTHON, f'{BENCHMARKS}/train.py', main, *pick(('configs/siga_lcnet_v4.py', ), ()),
            '--check-sync', '--batch', pick('32', '2'), '--precision', 'amp-bf16', '--device',
            device)),
        Step('spared_waits', 'Devices that spare waits, each taken out', 80, 40, tool(
            'spared_waits', main, '--batch', pick(64, 2), '--precision', 'amp-bf16', '--steps',
            pick(20, 1), '--repeats', pick(5, 1))),
        Step('finite', '2,000 steps in half precision', 120, 60, (
            PYTHON, f'{BENCHMARKS}/train.py', real, '--check-finite', '--batch', pick('32', '2'),
            '--precision', half, '--steps', pick('2000', '2'), '--device', device)),
        Step('reading', 'Reading, in batches', 70, 35, tool(
            'infer', main, *ours, *others, PACKED, '--batch', *pick((256, 32), (2, )), '--words',
            pick(256, 2), '--precision', *pick(('amp-bf16', 'float32'), ('float32', )),
            '--repeats', repeats)),
        Step('reading_singly', 'Reading, word by word', 50, 25, tool(
            'infer', main, *ours, *others, PACKED, '--batch', 1, '--words', pick(32, 2),
            '--precision', 'float32', '--repeats', repeats)),
        Step('compiled', 'Compiled training steps of the main config', 120, 60, tool(
            'train', main, '--batch', one, '--precision',
            *pick(('amp-bf16', 'compiled+amp-bf16'), ('float32', )), '--repeats', repeats,
            '--busy')),
    ]
    return [step._replace(most=900, least=1) for step in steps] if tiny else steps


def cuda_tests() -> list[str]:
    """Files with tests that need CUDA."""
    return [str(path.relative_to(ROOT)) for path in sorted((ROOT / 'tests').rglob('test_*.py'))
            if 'mark.cuda' in path.read_text('utf-8')]


def finish(process: subprocess.Popen, seconds: float) -> int | None:
    """Its exit status, or None if it had to be killed, with all that it started."""
    try:
        return process.wait(max(0., seconds))
    except subprocess.TimeoutExpired:
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def start(command: Sequence[str], log: Path, env: dict[str, str]) -> subprocess.Popen:
    with log.open('w') as file:
        return subprocess.Popen(command, cwd=ROOT, env=env, stdout=file, stderr=subprocess.STDOUT,
                                start_new_session=True)


def data_of(step: Step, path: Path, work: Path, log: str) -> Any:
    """What a step has found out, or None."""
    if step.name == 'reader':
        path = work / 'reader/reader.json'
    if step.name in ('finite', 'waits'):
        return [line for line in log.splitlines()
                if 'finite' in line or 'for the device' in line] or None
    if not path.is_file():
        return None
    if step.name == 'tests':
        suite = next(ET.parse(path).iter('testsuite'))
        return {name: int(suite.get(name, 0))
                for name in ('tests', 'failures', 'errors', 'skipped')}
    return json.loads(path.read_text())


class Session:
    """All calls together: what was found out, and the time that is left."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.out, self.work = args, args.out, args.work
        self.logs = self.work / 'logs'
        self.logs.mkdir(parents=True, exist_ok=True)
        self.file = self.work / 'results.json'
        self.results: dict[str, dict] = {}
        self.spent = 0.
        if not self.file.exists() and args.previous:
            self._take_over(args.previous)
        if self.file.exists():
            saved = json.loads(self.file.read_text())
            self.results, self.spent = saved['steps'], saved['spent_s']
        self.machine = machine()
        self.env = dict(os.environ, WORK=str(self.work), PYTHON=PYTHON, SIGA_MISSING='skip',
                        OMP_NUM_THREADS='1' if args.tiny else '8',
                        **(dict(COUNT='8') if args.tiny else {}))

    def _take_over(self, folder: Path) -> None:
        """Begin with the results of a call on another machine."""
        shutil.copy(folder / 'gpu.json', self.file)
        if check_pieces(folder):
            (self.work / 'reader').mkdir(exist_ok=True)
            join(folder, self.work / 'reader' / WEIGHTS)
        if (folder / 'logs.tar.gz').is_file():
            with tarfile.open(folder / 'logs.tar.gz') as tar:
                for member in tar.getmembers():
                    if member.isfile() and '/' not in member.name:
                        (self.logs / member.name).write_bytes(tar.extractfile(member).read())

    def left(self) -> float:
        """Seconds for steps of this call."""
        passed = time.time() - self.args.started
        return min(self.args.call - passed, self.args.budget - self.spent - passed) - RESERVE

    def waiting(self, steps: Sequence[Step]) -> Iterator[Step]:
        """What is not done, what was not tried before what failed."""
        for tried in False, True:
            yield from [step for step in steps if (step.name in self.results) == tried
                        and self.results.get(step.name, {}).get('status') != 'done']

    def run(self, step: Step) -> None:
        seconds = min(step.most, self.left())
        json_file, log = self.logs / f'{step.name}.json', self.logs / f'{step.name}.log'
        json_file.unlink(missing_ok=True)
        command = [part.replace('{json}', str(json_file)) for part in step.command]
        begun = time.time()
        code = finish(start(command, log, self.env), seconds)
        text = log.read_text('utf-8', 'replace')
        data = data_of(step, json_file, self.work, text)
        status = 'cut off' if code is None else 'done' if code == 0 and data else 'failed'
        if step.name == 'tests' and data and data['tests'] and code == 1:
            status = 'done'  # which of them fail is what it finds out
        self.results[step.name] = dict(
            title=step.title, status=status, seconds=round(time.time() - begun, 1),
            given_s=round(seconds, 1), exit_status=code, machine=self.machine, data=data,
            command=' '.join(part.replace(str(self.work), 'WORK').replace(PYTHON, 'python')
                             .replace('{json}', 'FILE')
                             for part in step.command),
            log='' if status == 'done' and step.name != 'tests' else text[-3000:])
        print(f'{step.name}: {status}, {self.results[step.name]["seconds"]} s', flush=True)
        self.save()

    def save(self) -> None:
        passed = time.time() - self.args.started
        content = dict(device=self.args.device, tiny=self.args.tiny,
                       budget_s=self.args.budget, spent_s=round(self.spent + passed, 1),
                       planned=[step.name for step in self.args.steps], steps=self.results)
        write(self.file, json.dumps(content, indent=1))
        shutil.copy(self.file, self.out / 'gpu.json')
        write(self.out / 'gpu.md', markdown(content, content['planned']))
        with tarfile.open(self.out / 'logs.tar.gz', 'w:gz') as tar:
            for path in sorted(self.logs.glob('*.log')):
                tar.add(path, path.name)
        if (self.work / 'reader' / WEIGHTS).is_file():
            split(self.work / 'reader' / WEIGHTS, self.out)


def machine() -> dict:
    """Versions and devices; torch is not loaded here, for a GPU is to be free for the steps."""
    from importlib.metadata import PackageNotFoundError, version
    found = dict(python=platform.python_version(), cores=os.cpu_count())
    for name in 'torch', 'numpy', 'mmengine', 'mmocr':
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        found['gpu'] = subprocess.run(
            ['nvidia-smi', '--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'],
            capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    return found


class Words:
    """Rendered words, made where there are none while steps that need no quiet run."""

    def __init__(self, session: Session, wanted: bool) -> None:
        self.session, self.process = session, None
        if wanted and not (session.work / 'data/release/words/train').is_dir():
            self.process = start(['bash', 'tools/gpu/words.sh'], session.logs / 'words.log',
                                 session.env)

    def wait(self, seconds: float) -> None:
        if self.process is not None:
            code = finish(self.process, seconds)
            print(f'words: {"cut off" if code is None else f"exit status {code}"}', flush=True)
            self.process = None
        if (self.session.work / 'data/real').exists():  # beside those that are rendered
            self.session.env['SIGA_DATA'] = str(self.session.work / 'data')


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('out', type=Path, help='folder of results')
    add('--work', type=Path, default=Path(os.environ.get('WORK', ROOT / 'work_dirs/gpu')))
    add('--budget', type=float, default=720, help='seconds of all calls (default %(default)s)')
    add('--call', type=float, default=570, help='seconds of this one (default %(default)s)')
    add('--started', type=float, default=time.time(), help='when this call began')
    add('--previous', type=Path, help='results of a call on another machine')
    add('--device', default='cuda')
    add('--tiny', action='store_true', help='rehearse: small models, few words and steps')
    add('--only', nargs='+', metavar='STEP', help='these steps alone')
    args = parser.parse_args(argv)
    args.work = args.work.resolve()
    args.steps = plan(args.device, args.tiny, args.work)
    names = [step.name for step in args.steps]
    if set(args.only or ()) - set(names):
        parser.error(f'there are the steps {", ".join(names)}')
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run the steps; 1 if some are not done."""
    args = parse(argv)
    for folder in args.out, args.work:
        folder.mkdir(parents=True, exist_ok=True)
    session = Session(args)
    steps = [step for step in args.steps if step.name in (args.only or step.name)]
    words = Words(session, any(step.name == 'reader' for step in session.waiting(steps)))
    for step in list(session.waiting(steps)):
        if step.quiet:
            words.wait(session.left())
        if session.left() < step.least:
            print(f'{step.name}: no time left', flush=True)
        else:
            session.run(step)
    words.wait(0)
    session.save()
    return int(any(True for _ in session.waiting(steps)))


if __name__ == '__main__':
    sys.exit(main())
