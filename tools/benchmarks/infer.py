"""Time reading words: any recognisers, of this package or MMOCR's own, in turns.

    python tools/benchmarks/infer.py projects/siga/configs/siga_r.py \
        ABINet=mmocr::textrecog/abinet/abinet_20e_st-an_mj.py --threads 2 --yardstick ABINet
    python tools/benchmarks/infer.py configs/siga_tiny.py \
        SVTR-tiny=mmocr::textrecog/svtr/svtr-tiny_20e_st_mj.py --yardstick SVTR-tiny \
        --weights siga_tiny=work_dirs/siga_tiny/iter_4500.pth --accuracy siga_tiny=79.7 \
        --precision float32 amp-bf16 --json infer.json --plot infer.png

Words are read from their pixels, as the config's test pipeline leaves them, to their text. In a
round every model reads the same words; the next round begins with the next model. images/s are the
median over the rounds, latencies are those of all batches, and a ratio is taken round by round with
the yardstick in the same precision, else its first: median and quartiles.

Where a model has no --weights, a decoding loop that ends with the longest word of a batch ends as
if every word were read as its label says.

--form has rows for other ways to run the same models: `optimised` is optimize_for_reading, which
for MMOCR's own models too folds batch normalisations; `optimised+winograd` lets it also exchange
convolutions; `onnx` and `onnx-int8` export the model and read by onnxruntime, with as many threads.
An exported file can also be given in place of a config. Ratios of all forms are those to the
yardstick as it is, `plain`.

A model that cannot be measured has a row that says why.
"""
from __future__ import annotations

import argparse
import copy
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from common import (
    Candidate,
    Precision,
    Timer,
    Word,
    add_memory,
    add_options,
    build_model,
    build_pipeline,
    check_options,
    cuda_memory,
    environment,
    find_words,
    gflops,
    load_config,
    machine_limits,
    median,
    operator_calls,
    paired_ratio,
    parameters,
    parse_precision,
    peak_memory,
    read_word,
    reason,
    reset_peak_memory,
    say,
    turns,
    yardstick_of,
)
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from report import collect, tables, write

from mmocr_siga.apis import ONNXRecognizer, export_onnx, optimize_for_reading, quantize_onnx
from mmocr_siga.inference.onnx_recognizer import prepared

PERCENTILES = (50, 90, 99)
FORMS = ('plain', 'optimised', 'optimised+winograd', 'onnx', 'onnx-int8')


class Batch:
    """Words on their way to a model."""

    def __init__(self, data: dict, longest: int) -> None:
        self.data = data
        self.longest = longest

    def fresh(self) -> dict:
        """The data for one reading: models write into their samples."""
        return dict(self.data, data_samples=copy.deepcopy(self.data['data_samples']))


class TorchReader:
    """A config of MMOCR as a thing that reads.

    Args:
        candidate (Candidate): What to build.
        precision (Precision): How it computes.
        device (torch.device): Where.
        form (str): 'plain', 'optimised' or 'optimised+winograd'. Defaults to 'plain'.
    """

    counts_calls = True

    def __init__(self, candidate: Candidate, precision: Precision, device: torch.device,
                 form: str = 'plain') -> None:
        cfg = load_config(candidate.config)
        init_default_scope(cfg.get('default_scope', 'mmocr'))
        self.precision, self.device = precision, device
        self.pipeline = build_pipeline(cfg, 'test')
        model = build_model(cfg, candidate.weights, reading=True)
        self.stops_early = candidate.weights is None and never_ends(model)
        self.parameters = parameters(model)
        self.model = model.to(device)
        if form != 'plain':
            optimize_for_reading(self.model, winograd='auto' if 'winograd' in form else None)
        self.step = model.test_step
        if precision.dtype is not None:  # NumPy, by which MMOCR reads scores, has no bfloat16
            model.decoder.register_forward_hook(in_float32)
        if precision.compiled:
            self.step = torch.compile(model.test_step)

    def prepare(self, words: Sequence[Word], size: int) -> list[Batch]:
        """Words through the test pipeline, in batches."""
        items = [(read_word(self.pipeline, word), len(word.text)) for word in words]
        groups = [items[i:i + size] for i in range(0, len(items), size)]
        return [Batch(pseudo_collate([item for item, _ in group]), max(n for _, n in group))
                for group in groups]

    @torch.inference_mode()
    def read(self, data: dict, longest: int) -> list[str]:
        """What a batch says."""
        decoder = self.model.decoder
        steps = decoder.max_seq_len
        if self.stops_early:
            decoder.max_seq_len = min(longest, steps)
        try:
            with self.precision.context(self.device):
                samples = self.step(data)
        finally:
            decoder.max_seq_len = steps
        return [sample.pred_text.item for sample in samples]

    def gflops(self, batch: Batch) -> float:
        """10^9 multiplications and additions of reading a word with all decoding steps."""
        model = self.model.cpu().float()
        one = {key: value[:1] for key, value in batch.fresh().items()}
        with torch.inference_mode():
            result = gflops(lambda: model.test_step(one))
        model.to(self.device)
        return result


class ExportedBatch(Batch):
    """Words on their way to an exported model, which changes nothing of them."""

    def fresh(self) -> list:
        return self.data


class ONNXReader:
    """An exported recogniser: a file, or a config that is exported first.

    Args:
        candidate (Candidate): The file, or what to build and export.
        precision (Precision): float32.
        device (torch.device): The CPU.
        int8 (bool): Whether to quantise what is exported. Defaults to False.

    Raises:
        ValueError: For other precisions and devices.
    """

    counts_calls = False

    def __init__(self, candidate: Candidate, precision: Precision, device: torch.device,
                 int8: bool = False) -> None:
        if precision.name != 'float32' or device.type != 'cpu':
            raise ValueError('exported models are read in float32 (or int8) on the CPU')
        threads = torch.get_num_threads()
        self.steps = None
        if candidate.config.endswith('.onnx'):
            if candidate.weights is not None:
                raise ValueError('an exported file has its weights already')
            self.recognizer = ONNXRecognizer(candidate.config, threads)
            return
        with tempfile.TemporaryDirectory() as folder:
            path, self.parameters, self.steps = exported(candidate, Path(folder), int8)
            self.recognizer = ONNXRecognizer(path, threads)

    def prepare(self, words: Sequence[Word], size: int) -> list[Batch]:
        """Words as the graph takes them, in batches."""
        steps = self.recognizer.metadata['preprocessing']['steps']
        items = [(prepared(cv2.imread(word.path), steps), len(word.text)) for word in words]
        groups = [items[i:i + size] for i in range(0, len(items), size)]
        return [ExportedBatch([item for item, _ in group], max(n for _, n in group))
                for group in groups]

    def read(self, data: list, longest: int) -> list[str]:
        """What a batch says."""
        steps = None if self.steps is None else min(longest, self.steps) + 1
        return [word['text'] for word in self.recognizer.read_prepared(data, max_steps=steps)]


def exported(candidate: Candidate, folder: Path,
             int8: bool) -> tuple[Path, float, int | None]:
    """Export a model.

    Returns:
        tuple: The file; millions of parameters; and, where words would not end by themselves, the
        most characters of a word.
    """
    import onnx
    cfg = load_config(candidate.config)
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    model = build_model(cfg, candidate.weights, reading=True)
    model.cfg = cfg
    count = parameters(model)
    endless = candidate.weights is None and never_ends(model)
    path = folder / 'model.onnx'
    export_onnx(model, path)
    if int8:
        quantize_onnx(path, path)
    if endless:  # the number of steps, a constant of the loop, becomes an input
        graph = onnx.load(path)
        graph.graph.input.append(
            onnx.helper.make_tensor_value_info('steps', onnx.TensorProto.INT64, []))
        onnx.save(graph, path)
    return path, count, model.decoder.max_seq_len if endless else None


def in_float32(module: torch.nn.Module, args: tuple, output: Any) -> Any:
    """Hook: what a module gives, in single precision if it is a tensor."""
    return output.float() if isinstance(output, torch.Tensor) else output


def never_ends(model: torch.nn.Module) -> bool:
    """Let no word end before its time, if the model's loop would stop there; whether it would."""
    from mmocr_siga.models import SIGADecoder
    if not isinstance(model.decoder, SIGADecoder):
        return False
    with torch.no_grad():
        model.decoder.reader.classifier.bias[model.decoder.dictionary.end_idx] = -1e4
    return True


def build_reader(candidate: Candidate, precision: Precision, device: torch.device,
                 form: str = 'plain') -> Any:
    """A reader of what the path names, in a form; it has the methods of :class:`TorchReader`."""
    if candidate.config.endswith('.onnx') or form.startswith('onnx'):
        return ONNXReader(candidate, precision, device, int8=form == 'onnx-int8')
    return TorchReader(candidate, precision, device, form)


def build_rows(args: argparse.Namespace) -> list[Row]:
    """A row for each precision, form and model; exported models have one precision."""
    rows = []
    for precision in args.precisions:
        for form in args.forms:
            if form.startswith('onnx') and precision.name != 'float32':
                continue
            rows += [Row(candidate, precision, args.device, form) for candidate in args.candidates
                     if not candidate.config.endswith('.onnx')]
    rows += [Row(candidate, parse_precision('float32'), args.device, 'onnx')
             for candidate in args.candidates if candidate.config.endswith('.onnx')]
    return rows


class Row:
    """A model in a precision: its reader, or why there is none, and its figures."""

    def __init__(self, candidate: Candidate, precision: Precision, device: torch.device,
                 form: str = 'plain') -> None:
        self.candidate, self.precision, self.form = candidate, precision, form
        self.figures: dict[str, Any] = {}
        self.error = None
        self.reader = None
        before = torch.cuda.memory_allocated() if device.type == 'cuda' else 0
        try:
            self.reader = build_reader(candidate, precision, device, form)
        except Exception as error:  # whatever is wrong with this model, the others are measured
            self.error = reason(error)
            return
        self.figures['parameters_m'] = getattr(self.reader, 'parameters', None)
        if device.type == 'cuda':
            self.static = torch.cuda.memory_allocated() - before

    @property
    def label(self) -> str:
        return f'{self.candidate.name}, {self.precision.name}, {self.form}'


def counted_calls(row: Row, batch: Batch) -> int | None:
    """Operators that reading a batch runs; None where they cannot be watched, as oneDNN's LSTMs
    in bfloat16 cannot."""
    try:
        return operator_calls(lambda: row.reader.read(batch.fresh(), batch.longest))
    except RuntimeError as error:
        say(f'{row.label}: its operator calls are not known: {reason(error)}')
        return None


class Measurement:
    """All rows at one batch size.

    Args:
        rows (Sequence[Row]): The rows; those with an error are left out.
        words (Sequence[Word]): What is read in a round.
        size (int): Batch size.
        timer (Timer): How often, and by what clock.
    """

    def __init__(self, rows: Sequence[Row], words: Sequence[Word], size: int,
                 timer: Timer) -> None:
        self.size, self.timer = size, timer
        words = words[:len(words) // size * size]  # whole batches
        self.results = {id(row): dict(error=row.error) for row in rows if row.error}
        self.rows, self.batches, self.latencies = [], [], []
        for row in rows:
            if row.error is None:
                self._admit(row, words)
        self.count = len(words)

    def _admit(self, row: Row, words: Sequence[Word]) -> None:
        """Warm a model up, and count what it does; leave it out if it cannot read."""
        try:
            batches = row.reader.prepare(words, self.size)
            if 'gflops' not in row.figures and hasattr(row.reader, 'gflops'):
                row.figures['gflops'] = row.reader.gflops(batches[0])
            for batch in batches:
                row.reader.read(batch.fresh(), batch.longest)
            result = dict(row.figures)
            if row.reader.counts_calls and not row.precision.compiled:
                result['calls'] = counted_calls(row, batches[0])
        except Exception as error:  # as above
            self.results[id(row)] = dict(error=reason(error))
            say(f'batch {self.size}, {row.label}: {self.results[id(row)]["error"]}')
            return
        if self.timer.device.type == 'cuda':
            result['memory_mib'] = cuda_memory(
                lambda: row.reader.read(batches[0].fresh(), batches[0].longest), row.static)
        self.results[id(row)] = result
        self.rows.append(row)
        self.batches.append(batches)
        self.latencies.append([])

    def run(self) -> None:
        """All rounds."""
        for round_, order in enumerate(turns(len(self.rows), self.timer.repeats), 1):
            for i in order:
                # Not timed: threads of the model before may still be spinning, and its data are
                # what the processor's caches hold.
                self._seconds(i, self.batches[i][0])
                self.latencies[i].append([self._seconds(i, batch) for batch in self.batches[i]])
            say(f'batch {self.size}: round {round_} of {self.timer.repeats}')

    def _seconds(self, i: int, batch: Batch) -> float:
        data = batch.fresh()
        return self.timer.seconds(lambda: self.rows[i].reader.read(data, batch.longest))

    def summary(self, yardstick: str | None) -> None:
        """Fill in the results of all rows."""
        rates = [[self.count / sum(times) for times in rounds] for rounds in self.latencies]
        for i, row in enumerate(self.rows):
            times = 1e3 * np.concatenate(self.latencies[i])
            result = self.results[id(row)]
            result['images_per_s'] = median(rates[i])
            result['latency_ms'] = dict(zip(map(str, PERCENTILES),
                                            np.percentile(times, PERCENTILES).tolist()))
            base = yardstick_of(row, self.rows, yardstick)
            if base is not None:
                result.update(paired_ratio(rates[i], rates[base]))


def run_probe(task: dict) -> int:
    """Print the peak memory of a process that reads two batches of each size with one model."""
    torch.set_num_threads(task['threads'])
    reader = build_reader(Candidate(*task['candidate']), parse_precision(task['precision']),
                          torch.device('cpu'), task['form'])
    peaks = {}
    for size in task['batches']:
        with tempfile.TemporaryDirectory() as folder:
            batches = reader.prepare(find_words(2 * size, Path(folder))[0], size)
        reset_peak_memory()
        for batch in batches:
            reader.read(batch.fresh(), batch.longest)
        peaks[size] = peak_memory()
    print(json.dumps(peaks))
    return 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, batch=(1, 32), repeats=11)
    parser.add_argument('--words', type=int, default=32, help='read by each model in a round, at '
                        'least a batch (default %(default)s)')
    parser.add_argument('--form', nargs='+', default=['plain'], choices=FORMS, metavar='F',
                        help=f'how models run: {", ".join(FORMS)} (default plain)')
    args = parser.parse_args(argv)
    args.forms = list(dict.fromkeys(args.form))
    if not args.probe:
        check_options(parser, args)
        if args.words < 1:
            parser.error('--words must be at least 1')
        if any(f.startswith('onnx') for f in args.forms) and 'float32' not in args.precision:
            parser.error('--form onnx reads in float32: name it in --precision, too')
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison.

    Returns:
        int: 0, or 1 if no model could be measured.
    """
    args = parse(argv)
    init_default_scope('mmocr')
    if args.probe:
        return run_probe(json.loads(args.probe))
    if args.threads:
        torch.set_num_threads(args.threads)
    device = args.device
    timer = Timer(device, args.repeats, args.cpu_time)
    with tempfile.TemporaryDirectory() as folder:
        words, source = find_words(max(args.words, *args.batch), Path(folder))
        rows = build_rows(args)
        for row in rows:
            say(f'{row.label}: {row.error or "built"}')
        measurements = [Measurement(rows, words, size, timer) for size in args.batch]
        for measured in measurements:
            measured.run()
            measured.summary(args.yardstick)
    results = collect(rows, measurements, args.accuracies)
    if device.type == 'cpu' and not args.no_memory:
        add_memory(results, __file__, {c.name: c.weights for c in args.candidates})
    info = dict(environment(device), words=source, rounds=args.repeats,
                clock='processor' if args.cpu_time else 'wall')
    blocks = [f'Batch {size}\n\n{text}' for size, text in tables(
        results, args.yardstick, 'latency_ms', 'latency of a batch').items()]
    write(args, results, info, machine_limits(timer), blocks)
    return 0 if any('error' not in r for r in results) else 1


if __name__ == '__main__':
    sys.exit(main())
