from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from mmocr.models.common.dictionary import Dictionary
from mmocr.models.textrecog.decoders import BaseDecoder
from mmocr.registry import TASK_UTILS
from mmocr.structures import TextRecogDataSample
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from ...structures.words import Decoded, Hypothesis, WordOutputs, WordTargets
from ..layers import beam_search, merged, selected, steps_nbest, word_targets
from ..layers.sequence_lstm import StepWeights

Samples = Sequence[TextRecogDataSample]


class WordDecoder(BaseDecoder):
    """Base of this package's decoders: a subclass says what one step is, the rest follows.

    :meth:`decode` is the one loop: training feeds it the label's characters, greedy reading its
    own. :meth:`nbest` searches over the same steps, and export makes an ONNX loop of them. Batch is
    the first dimension of every tensor in cache and state, which are (nested) tuples or
    dictionaries; anything else in them, such as an object that holds weights, is the same for all
    words. So a state may grow (keys and values of a Transformer) or accumulate (the attention of
    earlier steps, for coverage).

    A decoder whose steps do not wait for each other is ``parallel``: its only step is all of them.

    Whatever runs passes through the submodule ``steps``, so that a forward hook on it sees the
    logits and the attention of all steps, as :class:`~mmocr_siga.structures.Decoded`. Where
    plug-ins find the rest a decoder says in a method ``feature_hooks() -> FeatureHooks``.

    Class indices are the dictionary's, which needs an end token (``with_end=True``); the start
    token is one row after them in the decoders' embeddings. After ``max_seq_len`` characters one
    more step decides on the end. The loss is a ``WordLoss``, unless ``module_loss`` names another.
    """

    parallel = False  # whether one step tells all characters
    aligned = False  # whether the attention is an exact alignment, which places characters best
    exportable = True  # to ONNX: the only step as it is, or a loop around the step
    kept: Any = None  # by prepare_inference

    def __init__(self, dictionary: dict | Dictionary, module_loss: dict | None = None,
                 postprocessor: dict | None = None, max_seq_len: int = 25,
                 init_cfg: dict | list[dict] | None = None) -> None:
        if not isinstance(dictionary, Dictionary):
            dictionary = TASK_UTILS.build(dictionary)
        if dictionary.end_idx is None:
            raise ValueError(f'{type(self).__name__} needs a dictionary with an end token: set '
                             'with_end=True')
        if postprocessor is None:
            ignored = [] if dictionary.padding_idx is None else ['padding']
            postprocessor = dict(type='AttentionPostprocessor', ignore_chars=ignored)
        super().__init__(
            dictionary=dictionary, module_loss=module_loss or dict(type='WordLoss'),
            postprocessor=postprocessor, max_seq_len=max_seq_len, init_cfg=init_cfg)
        self.num_classes = dictionary.num_classes
        self.steps = _Steps()

    @abstractmethod
    def prepare(self, memory: Any, data_samples: Samples | Tensor | None = None) -> Any:
        """The cache: what no step changes.

        ``memory`` is the encoder's output, or the backbone's last map where there is no encoder;
        samples, or their ``valid_ratio`` (N,), tell a decoder where it is padded.
        """

    def start(self, cache: Any) -> tuple[Any, Tensor]:
        """The state before the first step, and the start tokens that it is fed."""
        raise NotImplementedError

    def start_tokens(self, like: Tensor) -> Tensor:
        """A start token (N,) for each of the rows."""
        return torch.full(like.shape[:1], self.num_classes, dtype=torch.long, device=like.device)

    @abstractmethod
    def step(self, cache: Any, state: Any, tokens: Tensor | None,
             t: int) -> tuple[Any, dict[str, Tensor], Tensor | None]:
        """One step from cache and state.

        Args:
            tokens: The previous characters (N,), or what :meth:`feed_back` made of them. A parallel
                decoder is given those of all steps (N, T') in training, None in reading.
            t: The step, from 0; a tensor where ONNX loops.

        Returns:
            tuple: The new state; logits (N, K) of each branch, 'word' being what is read; and
            attention (N, P), or None. A parallel decoder gives (N, T, K) and (N, T, P).
        """

    def feed_back(self, logits: dict[str, Tensor]) -> Tensor:
        """What greedy reading feeds the next step: (N,), or (N, branches) with the word's last."""
        return logits['word'].argmax(-1)

    def weights(self, inference: bool = False) -> Any:
        """The weights in the form that steps read, where that is not the modules' own.

        Layers that follow each other without dropout may be made one in inference.
        """

    @torch.no_grad()
    def prepare_inference(self) -> None:
        """Keep :meth:`weights` until they change: single words are read faster by a tenth."""
        # What is a view of other weights is copied.
        self.kept = tree_map(lambda leaf: leaf.map(Tensor.contiguous) if isinstance(
            leaf, StepWeights) else leaf, self.weights(inference=True))

    def train(self, mode: bool = True) -> WordDecoder:
        if mode:
            self.kept = None
        return super().train(mode)

    def _apply(self, *args, **kwargs) -> WordDecoder:
        self.kept = None
        return super()._apply(*args, **kwargs)

    def _load_from_state_dict(self, *args, **kwargs) -> None:
        self.kept = None
        super()._load_from_state_dict(*args, **kwargs)

    def decode(self, memory: Any, data_samples: Samples | None = None,
               tokens: Tensor | None = None, stop_early: bool = True) -> Decoded:
        """Run the steps, fed ``tokens`` (N, T') or else greedily what they read.

        Greedy reading stops early when every word has ended: what would follow is never read.
        """
        cache = self.prepare(memory, data_samples)
        if self.parallel:
            return self.steps(self.step(cache, None, tokens, 0)[1:])
        if tokens is not None:
            return self.steps(self.all_steps(cache, tokens))
        state, fed = self.start(cache)
        steps, ended = [], False
        for t in range(self.max_seq_len + 1):
            state, logits, attention = self.step(cache, state, fed, t)
            steps.append((logits, attention))
            fed = self.feed_back(logits)
            ended = (fed.view(len(fed), -1)[:, -1] == self.dictionary.end_idx) | ended
            if stop_early and bool(ended.all()):
                break
        return self.steps(steps)

    def all_steps(self, cache: Any, tokens: Tensor) -> list[tuple] | tuple:
        """What the steps give that are fed ``tokens`` (N, T'): a list of logits and attention of
        each. A decoder that need not wait for one step to begin with the next gives those of all,
        (N, T', K) and (N, T', P)."""
        state, steps = self.start(cache)[0], []
        for t, fed in enumerate(tokens.unbind(1)):
            state, *given = self.step(cache, state, fed, t)
            steps.append(tuple(given))
        return steps

    def forward_train(self, feat: Any, out_enc: Any, data_samples: Samples,
                      targets: WordTargets | None = None) -> WordOutputs:
        """Teacher-forced logits of all branches, and their targets."""
        if targets is None:
            targets = self.targets(data_samples, next(self.parameters()).device)
        decoded = self.decode(memory_of(feat, out_enc), data_samples, targets.tokens)
        return WordOutputs(decoded.logits, targets, decoded.attention)

    def forward_test(self, feat: Any, out_enc: Any,
                     data_samples: Samples | Tensor | None = None) -> Tensor:
        """Greedy probabilities (N, max_seq_len + 1, K); steps that did not run say the end."""
        decoded = self.decode(memory_of(feat, out_enc), data_samples)
        probabilities = decoded.logits['word'].float().softmax(-1)
        missing = self.max_seq_len + 1 - probabilities.shape[1]
        if missing <= 0:
            return probabilities
        end = probabilities.new_zeros(len(probabilities), missing, self.num_classes)
        end[..., self.dictionary.end_idx] = 1
        return torch.cat([probabilities, end], 1)

    @torch.no_grad()
    def attention_of(self, feat: Any, out_enc: Any, words: Sequence[Sequence[int]],
                     data_samples: Samples | Tensor | None = None) -> Tensor | None:
        """The attention (N, T, P) with which characters are read that words (of T classes at most)
        consist of; None if there is none."""
        device = next(self.parameters()).device
        fed = torch.full((len(words), 1 + max(map(len, words))), self.dictionary.end_idx)
        fed[:, 0] = self.num_classes
        for row, word in zip(fed, words):
            row[1:1 + len(word)] = torch.tensor(word, dtype=torch.long)
        decoded = self.decode(memory_of(feat, out_enc), data_samples, fed.to(device))
        return None if decoded.attention is None else decoded.attention[:, :fed.shape[1] - 1]

    def loss(self, feat: Any = None, out_enc: Any = None, data_samples: Samples | None = None,
             targets: WordTargets | None = None) -> dict[str, Tensor]:
        """Teacher-forced losses, in training and in evaluation mode alike; the targets may be
        given, as where others need them, too."""
        return self.losses(self.forward_train(feat, out_enc, data_samples, targets), data_samples)

    def losses(self, outputs: WordOutputs, data_samples: Samples) -> dict[str, Tensor]:
        """Losses of what :meth:`forward_train` gave."""
        return self.module_loss(outputs, data_samples)

    def targets(self, data_samples: Samples, device: torch.device) -> WordTargets:
        return word_targets(self.module_loss.get_targets(data_samples), self.dictionary.end_idx,
                            self.num_classes, self.max_seq_len, device)

    def nbest(self, out_enc: Any, count: int, width: int | None = None,
              data_samples: Samples | None = None) -> list[list[Hypothesis]]:
        """For each word up to ``count`` most probable hypotheses, best first.

        Exact for parallel decoders. For others they are what a beam search finds, and the greedy
        word: in the search all branches are fed the characters of the hypothesis, as in training,
        where greedy reading may feed each its own; so the greedy word is a candidate of its own,
        and the first hypothesis is that word, or one that is more probable. ``width`` beams, at
        least 5 unless it says less, are followed.
        """
        end = self.dictionary.end_idx
        probabilities = self.forward_test(None, out_enc, data_samples)
        if self.parallel:
            return steps_nbest(probabilities, end, count)
        found = self.search(out_enc, count, width, data_samples)
        return [merged([first], more, count)
                for first, more in zip(greedy_hypotheses(probabilities, end), found)]

    def search(self, out_enc: Any, count: int, width: int | None = None,
               data_samples: Samples | None = None,
               evidence: tuple[Tensor, Tensor] | None = None) -> list[list[Hypothesis]]:
        """What a beam search finds of each word, up to ``count`` hypotheses, best first; not for
        parallel decoders. See :meth:`nbest`.

        ``evidence`` of the characters from elsewhere, probabilities (N, T, K) and weights (N, T)
        from 0 to 1, is mixed into what each step says; it says nothing of steps beyond T.
        """
        end, steps = self.dictionary.end_idx, self.max_seq_len + 1
        width = max(count, 5) if width is None else width
        cache = self.prepare(out_enc, data_samples)
        tokens = self.start(cache)[1]
        words, device = len(tokens), tokens.device
        rows = torch.arange(words, device=device).repeat_interleave(width)
        cache, start = selected(cache, rows), selected(self.start(cache)[0], rows)
        evidence = selected(evidence, rows)

        def step(state: Any, tokens: Tensor, t: int) -> tuple[Tensor, Any]:
            state, logits, _ = self.step(cache, state, tokens, t)
            said = logits['word'].float().log_softmax(-1)
            if evidence is not None and t < evidence[0].shape[1]:
                more, weight = evidence[0][:, t], evidence[1][:, t, None]
                said = torch.lerp(said.exp(), more, weight.to(said)).clamp(min=1e-30).log()
            return said, state

        return beam_search(step, start, words, steps, self.num_classes, end, width, count, device)


class _Steps(nn.Module):
    """Puts steps together; a module, so that hooks can watch it. See :class:`WordDecoder`."""

    def forward(self, steps: tuple | list[tuple]) -> Decoded:
        if isinstance(steps, tuple):  # of all steps at once
            return Decoded(*steps)
        logits, attention = zip(*steps)
        return Decoded({name: torch.stack([step[name] for step in logits], 1)
                        for name in logits[0]},
                       None if attention[0] is None else torch.stack(attention, 1))


def greedy_hypotheses(probabilities: Tensor, end_idx: int) -> list[Hypothesis]:
    """The most probable class of every step (N, T, K), up to the first end token."""
    scores, tokens = probabilities.float().max(-1)
    out = []
    for values, classes in zip(scores.tolist(), tokens.tolist()):
        length = classes.index(end_idx) if end_idx in classes else len(classes)
        out.append(Hypothesis(tuple(classes[:length]), tuple(values[:length]),
                              math.prod(values[:length + 1])))
    return out


def memory_of(feat: Any, out_enc: Any) -> Any:
    """The encoder's output, or the last map of a backbone without one."""
    if out_enc is not None:
        return out_enc
    return feat if isinstance(feat, Tensor) else feat[-1]
