"""Time reading words: any recognizers, of this package or MMOCR's own, in turns.

    python tools/benchmarks/infer.py projects/siga/configs/siga_r.py \
        ABINet=mmocr::textrecog/abinet/abinet_20e_st-an_mj.py --threads 2 --yardstick ABINet
    python tools/benchmarks/infer.py configs/siga_tiny.py \
        SVTR-tiny=mmocr::textrecog/svtr/svtr-tiny_20e_st_mj.py --yardstick SVTR-tiny \
        --weights siga_tiny=work_dirs/siga_tiny/iter_4500.pth --precision float32 amp-bf16
    python tools/benchmarks/infer.py configs/siga_tiny.py configs/siga_p_tiny.py \
        --form decoder plain --length 25 --yardstick siga_tiny

Words are read from their pixels, as the config's test pipeline leaves them, to their text. Where a
model has no --weights, a decoding loop that ends with the longest word of a batch ends as if every
word were read as its label says, or had --length characters.

--form has rows for other ways to run the same models, an exported file can take the place of a
config, and a model that cannot be measured has a row that says why. What the columns hold, what a
ratio is and what the forms are: docs/reports/performance.md.
"""
from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import common
import cv2
import torch
from common import Candidate, Rounds, Row, Word
from mmengine.dataset import pseudo_collate
from report import report, save, tables

from mmocr_siga.apis import ONNXRecognizer, export_onnx, optimize_for_inference, quantize_onnx
from mmocr_siga.cli import run_tool
from mmocr_siga.inference.onnx_recognizer import prepared
from mmocr_siga.models import SIGADecoder
from mmocr_siga.text.dictionary import resolve_dict_file

FORMS = ('plain', 'optimized', 'onnx', 'onnx-int8', 'decoder')
MAX_SEQ_LEN = 25


class Batch(NamedTuple):
    """Words on their way to a model, and the number of characters of the longest label."""

    data: Any
    longest: int

    def fresh(self) -> Any:
        """The data for one reading: models write into their samples."""
        if not isinstance(self.data, dict):
            return self.data
        return dict(self.data, data_samples=copy.deepcopy(self.data['data_samples']))


def grouped(items: Sequence[Any], words: Sequence[Word], size: int, make: Any) -> list[Batch]:
    return [Batch(make(items[i:i + size]), max(len(word.text) for word in words[i:i + size]))
            for i in range(0, len(items), size)]


class TorchReader:
    """A config of MMOCR as a thing that reads, 'plain' or 'optimized', or whose 'decoder' runs."""

    counts_calls = True

    def __init__(self, row: Row, device: torch.device, level: bool = False) -> None:
        candidate, precision = row.candidate, row.precision
        cfg = common.load_config(candidate.config)
        if level:
            level_words(cfg.model)
        self.precision, self.device, self.alone = precision, device, row.form == 'decoder'
        self.pipeline = common.build_pipeline(cfg, 'test')
        model = common.build_model(cfg, candidate.weights, reading=True)
        self.stops_early = candidate.weights is None and never_ends(model)
        self.parameters = common.count(model)
        self.model = model.to(device)
        precision.arrange(self.model)
        if row.form == 'optimized':
            optimize_for_inference(self.model)
        self.step = self._decode if self.alone else model.test_step
        # NumPy, by which MMOCR reads scores, has no bfloat16.
        if precision.dtype is not None and not self.alone:
            model.decoder.register_forward_hook(in_float32)
        if precision.compiled:
            self.step = torch.compile(self.step)

    def prepare(self, words: Sequence[Word], size: int) -> list[Batch]:
        """Words through the test pipeline, in batches."""
        items = [self.pipeline(common.word_info(word)) for word in words]
        batches = grouped(items, words, size, pseudo_collate)
        return [Batch(self._encoded(b.data), b.longest) for b in batches] if self.alone else batches

    @torch.inference_mode()
    def _encoded(self, data: dict) -> dict:
        """What a decoder gets."""
        with self.precision.context(self.device):
            data = self.model.data_preprocessor(data, False)
            feat = self.model.extract_feat(data['inputs'])
            encoded = None
            if self.model.with_encoder:
                encoded = self.model.encoder(feat, data['data_samples'])
        return dict(feat=feat, encoded=encoded, data_samples=data['data_samples'])

    def _decode(self, data: dict) -> list:
        self.model.decoder(data['feat'], data['encoded'], data['data_samples'])
        return []

    @torch.inference_mode()
    def read(self, data: dict, longest: int) -> list[str]:
        """What a batch says; nothing if the decoder runs alone."""
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

    def gflops(self, batch: Batch) -> float | None:
        """10^9 multiplications and additions of reading a word with all decoding steps."""
        if self.alone:
            return None
        model = self.model.cpu().float()
        one = {key: value[:1] for key, value in batch.fresh().items()}
        with torch.inference_mode():
            result = common.gflops(lambda: model.test_step(one))
        model.to(self.device)
        return result


class ONNXReader:
    """An exported recognizer, a file or a config that is exported first; float32 on the CPU."""

    counts_calls = False

    def __init__(self, row: Row, device: torch.device, level: bool = False) -> None:
        if row.precision.name != 'float32' or device.type != 'cpu':
            raise ValueError('exported models are read in float32 (or int8) on the CPU')
        candidate, threads, self.steps = row.candidate, torch.get_num_threads(), None
        if candidate.config.endswith('.onnx'):
            if candidate.weights is not None:
                raise ValueError('an exported file has its weights already')
            self.recognizer = ONNXRecognizer(candidate.config, threads)
            return
        with tempfile.TemporaryDirectory() as folder:
            path, self.parameters, self.steps = exported(
                candidate, Path(folder), row.form == 'onnx-int8')
            self.recognizer = ONNXRecognizer(path, threads)

    def prepare(self, words: Sequence[Word], size: int) -> list[Batch]:
        steps = self.recognizer.metadata['preprocessing']['steps']
        items = [prepared(cv2.imread(word.path), steps) for word in words]
        return grouped(items, words, size, list)

    def read(self, data: list, longest: int) -> list[str]:
        steps = None if self.steps is None else min(longest, self.steps) + 1
        return [word['text'] for word in self.recognizer.read_prepared(data, max_steps=steps)]


def exported(candidate: Candidate, folder: Path, int8: bool) -> tuple[Path, float, int | None]:
    """Export a model: file, millions of parameters and, where no word ends, the most characters."""
    import onnx
    cfg = common.load_config(candidate.config)
    model = common.build_model(cfg, candidate.weights, reading=True)
    model.cfg = cfg
    parameters = common.count(model)
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
    return path, parameters, model.decoder.max_seq_len if endless else None


def in_float32(module: torch.nn.Module, args: tuple, output: Any) -> Any:
    """Hook: what a module gives, in single precision if it is a tensor."""
    return output.float() if isinstance(output, torch.Tensor) else output


def never_ends(model: torch.nn.Module) -> bool:
    """Let no word end before its time, if the model's loop would stop there; whether it would."""
    if not isinstance(model.decoder, SIGADecoder):
        return False
    end = model.decoder.dictionary.end_idx
    for name, parameter in model.decoder.named_parameters():
        if name.endswith('classifier.bias'):
            parameter.data[end] = -1e4
    return True


def level_words(cfg: Any) -> None:
    """Give all parts of a foreign config our 36 characters and words of up to 25."""
    for value in list(cfg.values()):
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(part, dict):
                level_words(part)
    if 'dict_file' in cfg:
        cfg['dict_file'] = resolve_dict_file('lower_english_digits.txt')
    if cfg.get('type') in ('ParallelSARDecoder', 'SequentialSARDecoder', 'NRTRDecoder'):
        cfg['max_seq_len'] = MAX_SEQ_LEN
    if str(cfg.get('type')).startswith('ABI') and 'max_seq_len' in cfg:
        cfg['max_seq_len'] = MAX_SEQ_LEN + 1  # it counts the end token


def build_reader(row: Row, device: torch.device, level: bool = False) -> TorchReader | ONNXReader:
    return (ONNXReader if row.form.startswith('onnx') else TorchReader)(row, device, level)


def build_rows(args: argparse.Namespace) -> list[Row]:
    """A row for each precision, form and model; exported models have one precision."""
    files = [c for c in args.candidates if c.config.endswith('.onnx')]
    rows = [Row(candidate, precision, form) for precision in args.precisions for form in args.forms
            if not form.startswith('onnx') or precision.name == 'float32'
            for candidate in args.candidates if candidate not in files]
    rows += [Row(candidate, common.parse_precision('float32'), 'onnx') for candidate in files]
    for row in rows:
        row.build(lambda row: build_reader(row, args.device, args.level))
    return rows


class ReadingRounds(Rounds):
    """All rows read the same words, in batches of one size."""

    def __init__(self, rows: Sequence[Row], words: Sequence[Word], size: int,
                 args: argparse.Namespace) -> None:
        self.images = len(words) // size * size  # whole batches
        self.words, self.length, self.batches = words[:self.images], args.length, {}
        super().__init__(rows, size, args)

    def _read(self, row: Row, batch: Batch) -> float:
        data, longest = batch.fresh(), batch.longest if self.length is None else self.length
        return common.seconds(lambda: row.runner.read(data, longest), self.now)

    def admit(self, row: Row) -> dict:
        reader, found = row.runner, {}
        self.batches[row] = batches = reader.prepare(self.words, self.size)
        if hasattr(reader, 'gflops'):
            found.update(self.count(row, batches[0]))
        for batch in batches:
            self._read(row, batch)
        if reader.counts_calls and not row.precision.compiled:
            try:
                found['calls'] = common.operator_calls(lambda: self._read(row, batches[0]))
            except RuntimeError as error:  # as oneDNN's LSTMs in bfloat16 cannot be watched
                common.say(f'{row.label}: its operator calls are not known: {common.reason(error)}')
        if self.device.type == 'cuda':
            found['memory_mib'] = common.cuda_memory(
                lambda: self._read(row, batches[0]), row.static)
        return found

    def turn(self, row: Row, round_: int) -> dict:
        batches = self.batches[row]
        # Not timed: threads of the model before may still be spinning, and its data are what the
        # processor's caches hold.
        self._read(row, batches[0])
        return dict(seconds=[self._read(row, batch) for batch in batches])

    def summary(self, row: Row, turns: Sequence[dict]) -> dict:
        return dict(latency_ms=common.percentiles([t for turn in turns for t in turn['seconds']]))


def calls(reader: Any, words: Sequence[Word], size: int) -> list[Callable]:
    return [lambda batch=batch: reader.read(batch.fresh(), batch.longest)
            for batch in reader.prepare(words, size)]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common.add_options(parser, batch=(1, 32), repeats=11)
    add = parser.add_argument
    add('--words', type=common.positive, default=32,
        help='read by each model in a round, at least a batch (default %(default)s)')
    add('--form', nargs='+', default=['plain'], choices=FORMS, metavar='F',
        help=f'how models run: {", ".join(FORMS)} (default plain)')
    add('--length', type=common.positive, help='characters at which a loop without weights ends')
    add('--level', action='store_true',
        help=f"give MMOCR's models 36 characters and words of up to {MAX_SEQ_LEN}, too")
    args = parser.parse_args(argv)
    args.forms = list(dict.fromkeys(args.form))
    common.check_options(parser, args)
    if any(f.startswith('onnx') for f in args.forms) and 'float32' not in args.precision:
        parser.error('--form onnx reads in float32: name it in --precision, too')
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison; 1 if no model could be measured."""
    args = parse(argv)
    words, source = common.find_words(max(args.words, *args.batch))
    rows = build_rows(args)
    measured = []
    for size in args.batch:
        measured.append(ReadingRounds(rows, words, size, args))
        measured[-1].run(args.yardstick)
        save(args, measured, source)
    common.add_memory(args, measured, 'val', build_reader, calls)

    def blocks(results: Sequence[dict]) -> list[str]:
        found = tables(results, args.yardstick, 'latency_ms', 'latency of a batch')
        return [f'Batch {size}\n\n{text}' for size, text in found.items()]

    return report(args, measured, source, blocks)


if __name__ == '__main__':
    run_tool(main)
