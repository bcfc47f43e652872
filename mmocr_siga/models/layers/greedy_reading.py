"""Greedy reading: attention decoders side by side, prepared once, nothing allocated per step.

Training unrolls :class:`AttentionDecoder` as it is. Reading calls the same weights thousands of
times a second for a single vector, where the number of operators counts and not their arithmetic:
decoders of one shape are stacked and step together, matrices that share an input are one, and every
step writes into the same buffers. Lengths are made ``int`` where a trace would otherwise work them
out in every step.

S decoders, N batch, w columns of the memory, D memory channels, H hidden units, T steps, K classes.
"""
from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional, Union

import torch
from torch import Tensor

from .attention_decoder import AttentionDecoder
from .sequence_lstm import TokenLSTM

Matrices = Union[Tensor, tuple[Tensor, ...]]


class BranchWeights(NamedTuple):
    """The weights of S :class:`AttentionDecoder`.

    Matrices are stacked (S, in, out) where they are kept; where they are made anew for each batch
    they are S views (in, out), because copying them takes longer than a word has to be read.
    """

    key: Matrices  # (S, D, H)
    query_bias: Tensor  # (S, 1, H)
    query: Optional[Matrices]  # (S, H, H), None where joint
    recurrent: Optional[Matrices]  # (S, H, 4H), None where joint
    joint: Optional[Tensor]  # (S, H, 5H): query and recurrent gates
    score: Matrices  # (S, H, 1)
    glimpse: Matrices  # (S, D, 4H)
    token_gates: Tensor  # (S (K + 1), 4H): every character's share of the gates
    token_rows: Tensor  # (S, 1): where each decoder's rows begin
    classifier: Matrices  # (S, H, K)
    classifier_bias: Tensor  # (S, 1, K)
    gate: Optional[Matrices]  # (S, D, D): the glimpse's share of the fusion gate
    glyph_gate: Optional[Matrices]  # (S, D, D)
    gate_bias: Optional[Tensor]  # (S, 1, D)


class BranchMemory(NamedTuple):
    """What stays the same over all steps of a batch."""

    memory: Tensor  # (N, w, D)
    keys: Tensor  # (S, N, w, H)
    penalty: Optional[Tensor]  # (S, N w, 1): minus infinity where a column is padding
    glyph_gate: Optional[Tensor]  # (T, S, N, D)
    glyph_squashed: Optional[Tensor]  # (T, S, N, D)


class BranchState(NamedTuple):
    """What a step hands to the next."""

    hidden: Tensor  # (S, N, H)
    cell: Tensor  # (S, N, H), float32
    tokens: Tensor  # (S, N)


class BranchOutput(NamedTuple):
    """One step."""

    glimpse: Tensor  # (S, N, D), fused with glyph features; with buffers until the next step
    logits: Tensor  # (S, N, K)


class BranchBuffers(NamedTuple):
    """Where a step writes to; all None lets it allocate."""

    query: Optional[Tensor] = None  # (S, N, H)
    recurrent: Optional[Tensor] = None  # (S, N, 4H)
    joint: Optional[Tensor] = None  # (S, N, 5H)
    energy: Optional[Tensor] = None  # (S, N, w, H)
    scores: Optional[Tensor] = None  # (S, N w, 1)
    attention: Optional[Tensor] = None  # (S, N, w), float32
    glimpse: Optional[Tensor] = None  # (N, S, D)
    gate: Optional[Tensor] = None  # (S, N, D)
    squashed: Optional[Tensor] = None  # (S, N, D)
    rows: Optional[Tensor] = None  # (S, N)
    gates: Optional[Tensor] = None  # (S N, 4H)
    logits: Optional[Tensor] = None  # (T, S, N, K), every step's
    tokens: Optional[Tensor] = None  # (T, S, N), every step's
    cell_squashed: Optional[Tensor] = None  # (S, N, H), float32


class TokenLSTMWeights(NamedTuple):
    """The weights of a :class:`TokenLSTM`; ready for :func:`token_lstm_step`."""

    feature: Tensor  # (D, 4H)
    hidden: Tensor  # (H, 4H)
    token_gates: Tensor  # (K + 1, 4H)
    classifier: Tensor  # (H, K)
    classifier_bias: Tensor  # (K,)


class TokenLSTMBuffers(NamedTuple):
    """Where a step of a :class:`TokenLSTM` writes to; all None lets it allocate."""

    gates: Optional[Tensor] = None  # (N, 4H)
    cell_squashed: Optional[Tensor] = None  # (N, H), float32


def product(x: Tensor, weights: Matrices, add: Optional[Tensor] = None,
            out: Optional[Tensor] = None) -> Tensor:
    """S products of matrices.

    Args:
        x (Tensor): (S, N, in).
        weights (Tensor or tuple[Tensor]): (S, in, out), or S times (in, out).
        add (Tensor, optional): (S, N or 1, out), added.
        out (Tensor, optional): Where the result goes.

    Returns:
        Tensor: (S, N, out).
    """
    if isinstance(weights, Tensor):
        if add is None:
            return torch.bmm(x, weights, out=out)
        return torch.baddbmm(add, x, weights, out=out)
    rows = x.unbind()
    if add is None:
        return torch.stack([torch.mm(row, w) for row, w in zip(rows, weights)], out=out)
    parts = [torch.addmm(a, row, w) for a, row, w in zip(add.unbind(), rows, weights)]
    return torch.stack(parts, out=out)


def stack_branches(decoders: Sequence[AttentionDecoder], joint: bool = False) -> BranchWeights:
    """Weights of decoders of one shape that read the same memory, for :func:`branch_step`.

    Args:
        decoders (Sequence[AttentionDecoder]): S decoders.
        joint (bool): Copy matrices into the form that is fastest to use. Defaults to False.
    """
    channels, classes = decoders[0].key.in_features, decoders[0].num_classes
    gated = decoders[0].fusion is not None

    def matrices(part: Callable) -> Matrices:
        views = tuple(part(decoder).t() for decoder in decoders)
        return torch.stack(views) if joint else views

    def biases(part: Callable) -> Tensor:
        return torch.stack([part(decoder)[None] for decoder in decoders])

    rows = torch.arange(len(decoders), device=decoders[0].key.weight.device)
    return BranchWeights(
        key=matrices(lambda d: d.key.weight),
        query_bias=biases(lambda d: d.query.bias),
        query=None if joint else matrices(lambda d: d.query.weight),
        recurrent=None if joint else matrices(lambda d: d.rnn.weight_hh),
        joint=matrices(lambda d: torch.cat([d.query.weight, d.rnn.weight_hh])) if joint else None,
        score=matrices(lambda d: d.score.weight),
        glimpse=matrices(lambda d: d.rnn.weight_ih[:, :channels]),
        token_gates=torch.cat([_token_gates(decoder) for decoder in decoders]),
        token_rows=rows[:, None] * (classes + 1),
        classifier=matrices(lambda d: d.classifier.weight),
        classifier_bias=biases(lambda d: d.classifier.bias),
        gate=matrices(lambda d: d.fusion.gate.weight[:, :channels]) if gated else None,
        glyph_gate=matrices(lambda d: d.fusion.gate.weight[:, channels:]) if gated else None,
        gate_bias=biases(lambda d: d.fusion.gate.bias) if gated else None)


def _token_gates(decoder: AttentionDecoder) -> Tensor:
    rnn = decoder.rnn
    weight = rnn.weight_ih[:, decoder.key.in_features:]
    return torch.addmm(rnn.bias_ih + rnn.bias_hh, decoder.embedding.weight, weight.t())


def branch_memory(weights: BranchWeights, memory: Tensor, glyphs: Sequence[Tensor] = (),
                  valid: Optional[Tensor] = None) -> BranchMemory:
    """Project everything that no step changes.

    Args:
        weights (BranchWeights): Of S decoders.
        memory (Tensor): (N, w, D).
        glyphs (Sequence[Tensor]): Glyph features (N, T, D) of each decoder, if they fuse any.
        valid (Tensor, optional): (N, w) bool, False where a column is padding.
    """
    branches = len(weights.key)
    flat = memory.flatten(0, 1)[None].expand(branches, -1, -1)
    # The query's bias is added to the same energies at every step.
    keys = product(flat, weights.key, weights.query_bias).unflatten(1, memory.shape[:2])
    penalty = glyph_gate = squashed = None
    if valid is not None:
        penalty = torch.zeros_like(valid, dtype=keys.dtype).masked_fill(~valid, float('-inf'))
        penalty = penalty.flatten()[None, :, None].expand(branches, -1, -1)
    if weights.gate is not None:
        stacked = torch.stack([glyph.transpose(0, 1) for glyph in glyphs])  # (S, T, N, D)
        glyph_gate = product(stacked.flatten(1, 2), weights.glyph_gate, weights.gate_bias)
        glyph_gate = glyph_gate.unflatten(1, stacked.shape[1:3]).transpose(0, 1)
        squashed = torch.tanh(stacked).transpose(0, 1)
    return BranchMemory(memory, keys, penalty, glyph_gate, squashed)


def branch_start(weights: BranchWeights, memory: Tensor) -> BranchState:
    """Zero hidden and cell states, and the start token, for a memory (N, w, D)."""
    branches, _, units = weights.query_bias.shape
    zeros = memory.new_zeros(branches, memory.shape[0], units)
    start = weights.classifier_bias.shape[-1]
    tokens = torch.full(zeros.shape[:2], start, dtype=torch.long, device=memory.device)
    return BranchState(zeros, torch.zeros_like(zeros, dtype=torch.float), tokens)


def branch_buffers(weights: BranchWeights, memory: BranchMemory, steps: int) -> BranchBuffers:
    """Room for so many calls of :func:`branch_step`."""
    branches, batch, columns, units = memory.keys.shape
    channels = memory.memory.shape[2]
    new = memory.keys.new_empty
    gated, joint = weights.gate is not None, weights.joint is not None
    return BranchBuffers(
        query=None if joint else new(branches, batch, units),
        recurrent=None if joint else new(branches, batch, 4 * units),
        joint=new(branches, batch, 5 * units) if joint else None,
        energy=new(branches, batch, columns, units),
        scores=new(branches, batch * columns, 1),
        attention=new(branches, batch, columns, dtype=torch.float),
        glimpse=new(batch, branches, channels),
        gate=new(branches, batch, channels) if gated else None,
        squashed=new(branches, batch, channels) if gated else None,
        rows=new(branches, batch, dtype=torch.long),
        gates=new(branches * batch, 4 * units),
        logits=new(steps, branches, batch, weights.classifier_bias.shape[-1]),
        tokens=new(steps, branches, batch, dtype=torch.long),
        cell_squashed=new(branches, batch, units, dtype=torch.float))


def branch_step(weights: BranchWeights, memory: BranchMemory, state: BranchState, t,
                out: BranchBuffers = BranchBuffers()  # noqa: B008
                ) -> tuple[BranchState, BranchOutput]:
    """One step of all decoders, each fed the character that it read itself.

    Args:
        weights (BranchWeights): From :func:`stack_branches`.
        memory (BranchMemory): From :func:`branch_memory`.
        state (BranchState): From :func:`branch_start` or the last step. With buffers its hidden and
            cell states are written over.
        t (int or Tensor): The step, for the glyph features.
        out (BranchBuffers): From :func:`branch_buffers`, where no gradient is wanted. Defaults to
            none.

    Returns:
        tuple: The new state and the output.
    """
    fixed = out.gates is not None
    query, recurrent = _project(weights, state.hidden, out)
    glimpse = _look(weights, memory, query, out)
    if weights.gate is not None:
        gate = product(glimpse, weights.gate, memory.glyph_gate[t], out.gate)
        glimpse = mix(torch.sigmoid(gate, out=out.gate), torch.tanh(glimpse, out=out.squashed),
                      memory.glyph_squashed[t], out.squashed)
    rows = torch.add(state.tokens, weights.token_rows, out=out.rows)
    gates = torch.index_select(weights.token_gates, 0, rows.view(-1), out=out.gates)
    gates = gates.view(len(weights.key), -1, int(weights.token_gates.shape[1]))
    gates = torch.add(gates, recurrent, out=gates if fixed else None)
    gates = product(glimpse, weights.glimpse, gates, gates if fixed else None)
    hidden, cell = lstm_update(gates, state.cell, state.hidden if fixed else None,
                               out.cell_squashed)
    logits = product(hidden, weights.classifier, weights.classifier_bias,
                     out.logits[t] if fixed else None)
    tokens = torch.argmax(logits, -1, out=out.tokens[t] if fixed else None)
    return BranchState(hidden, cell, tokens), BranchOutput(glimpse, logits)


def _project(weights: BranchWeights, hidden: Tensor,
             out: BranchBuffers) -> tuple[Tensor, Tensor]:
    """What a hidden state (S, N, H) asks (S, N, H), and its share of the gates (S, N, 4H)."""
    if weights.joint is None:
        return (product(hidden, weights.query, None, out.query),
                product(hidden, weights.recurrent, None, out.recurrent))
    joint = product(hidden, weights.joint, None, out.joint)
    units = int(hidden.shape[-1])
    return joint.split((units, 4 * units), -1)


def _look(weights: BranchWeights, memory: BranchMemory, query: Tensor,
          out: BranchBuffers) -> Tensor:
    """Glimpses (S, N, D) of queries (S, N, H)."""
    energy = torch.add(memory.keys, query[:, :, None], out=out.energy)
    branches, units = len(weights.key), int(energy.shape[-1])
    energy = torch.tanh(energy, out=out.energy).view(branches, -1, units)
    scores = product(energy, weights.score, memory.penalty, out.scores)
    scores = scores.view(branches, -1, memory.memory.shape[1])
    attention = torch.softmax(scores.float(), -1, out=out.attention)
    attention = attention.transpose(0, 1).to(memory.memory.dtype)
    return torch.bmm(attention, memory.memory, out=out.glimpse).transpose(0, 1)


def mix(gate: Tensor, first: Tensor, second: Tensor, out: Optional[Tensor] = None) -> Tensor:
    """gate * first + (1 - gate) * second."""
    return torch.addcmul(second, gate, torch.sub(first, second, out=out), out=out)


def lstm_update(gates: Tensor, cell: Tensor, out_hidden: Optional[Tensor] = None,
                squashed: Optional[Tensor] = None) -> tuple[Tensor, Tensor]:
    """LSTM non-linearities; the cell state stays float32.

    Args:
        gates (Tensor): (..., 4H).
        cell (Tensor): (..., H). With ``out_hidden`` it and the gates are written over.
        out_hidden (Tensor, optional): Where the hidden state goes.
        squashed (Tensor, optional): Room for (..., H), float32.

    Returns:
        tuple: Hidden state in the dtype of the gates, and cell state.
    """
    units = int(cell.shape[-1])
    wide = gates.float()
    fixed = out_hidden is not None
    parts = wide.split((2 * units, units, units), -1)
    into = parts if fixed else (None, None, None)
    i, f = torch.sigmoid(parts[0], out=into[0]).split(units, -1)
    candidate = torch.tanh(parts[1], out=into[1])
    o = torch.sigmoid(parts[2], out=into[2])
    kept = torch.mul(f, cell, out=cell if fixed else None)
    cell = torch.addcmul(kept, i, candidate, out=cell if fixed else None)
    hidden = torch.mul(o, torch.tanh(cell, out=squashed), out=out_hidden)
    return hidden.to(gates.dtype), cell


def token_lstm_weights(lstm: TokenLSTM) -> TokenLSTMWeights:
    """Weights of a :class:`TokenLSTM` for :func:`token_lstm_step`."""
    rnn = lstm.rnn
    channels = rnn.input_size - lstm.embedding.embedding_dim
    bias = rnn.bias_ih_l0 + rnn.bias_hh_l0
    return TokenLSTMWeights(
        feature=rnn.weight_ih_l0[:, :channels].t(),
        hidden=rnn.weight_hh_l0.t(),
        token_gates=torch.addmm(bias, lstm.embedding.weight, rnn.weight_ih_l0[:, channels:].t()),
        classifier=lstm.classifier.weight.t(),
        classifier_bias=lstm.classifier.bias)


def token_lstm_buffers(weights: TokenLSTMWeights, like: Tensor) -> TokenLSTMBuffers:
    """Room for :func:`token_lstm_step` with a hidden state (N, H) like the given one."""
    return TokenLSTMBuffers(like.new_empty(len(like), weights.hidden.shape[1]),
                            torch.empty_like(like, dtype=torch.float))


def token_lstm_step(weights: TokenLSTMWeights, feature: Tensor, previous: Tensor, hidden: Tensor,
                    cell: Tensor, out: TokenLSTMBuffers = TokenLSTMBuffers(),  # noqa: B008
                    out_logits: Optional[Tensor] = None) -> tuple[Tensor, Tensor, Tensor]:
    """One step of :class:`TokenLSTM`.

    Args:
        weights (TokenLSTMWeights): From :func:`token_lstm_weights`.
        feature (Tensor): (N, D).
        previous (Tensor): Previous characters (N,).
        hidden (Tensor): (N, H). With buffers it and the cell state are written over.
        cell (Tensor): (N, H), float32.
        out (TokenLSTMBuffers): From :func:`token_lstm_buffers`. Defaults to none.
        out_logits (Tensor, optional): Where the logits go, with buffers.

    Returns:
        tuple: Logits (N, K), hidden and cell state.
    """
    gates = torch.index_select(weights.token_gates, 0, previous, out=out.gates)
    gates = torch.addmm(gates, feature, weights.feature, out=out.gates)
    gates = torch.addmm(gates, hidden, weights.hidden, out=out.gates)
    fixed = out.gates is not None
    hidden, cell = lstm_update(gates, cell, hidden if fixed else None, out.cell_squashed)
    logits = torch.addmm(weights.classifier_bias, hidden, weights.classifier, out=out_logits)
    return logits, hidden, cell


def may_reuse_memory(device: torch.device) -> bool:
    """Whether steps may write into buffers: not while gradients, autocast, a compiler or a trace
    want each result for itself."""
    compiling = getattr(getattr(torch, 'compiler', None), 'is_compiling', bool)
    if torch.is_grad_enabled() or torch.jit.is_tracing() or compiling():
        return False
    try:
        return not torch.is_autocast_enabled(device.type)
    except TypeError:  # before torch 2.4
        return not (torch.is_autocast_enabled() or torch.is_autocast_cpu_enabled())
