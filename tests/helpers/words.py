"""Small recognizers, samples and encodings that several tests need."""
import torch
from mmengine.structures import LabelData, PixelData
from mmocr.structures import TextRecogDataSample

from mmocr_siga.structures.encodings import GlyphEncoding

DICTIONARY = dict(type='WordDictionary', dict_file='lower_english_digits.txt', with_end=True,
                  with_unknown=True, unknown_token=None)
END, START = 36, 37


def index(text):
    """Class indices by the packaged dictionary's order: digits, then letters."""
    return ['0123456789abcdefghijklmnopqrstuvwxyz'.index(c) for c in text]


def sample(text, valid_ratio=1.0, mask=None, targets=True):
    """A sample with its label and, with ``targets``, its indexes."""
    out = TextRecogDataSample()
    out.gt_text = LabelData(item=text)
    if targets:
        out.gt_text.indexes = torch.tensor(index(text), dtype=torch.long)
    out.set_metainfo(dict(valid_ratio=valid_ratio, img_shape=(32, 128)))
    if mask is not None:
        out.gt_text_mask = PixelData(data=mask)
    return out


def random_encoding(batch=3, width=6, channels=8, steps=8, valid=None, seed=0):
    """An encoding of noise, as SIGAEncoder would hand it on."""
    noise = torch.Generator().manual_seed(seed)

    def rand(*shape):
        return torch.randn(*shape, generator=noise)

    return GlyphEncoding(
        sequence=rand(batch, width, channels), context=rand(batch, width, channels), valid=valid,
        glyph_maps=dict(coarse=rand(batch, steps + 1, 4, 6), fine=rand(batch, steps + 1, 8, 12)),
        glyph_features=dict(coarse=rand(batch, steps, channels), fine=rand(batch, steps, channels)),
        mask_feature=rand(batch, 5, 8, 12))


def attention_step(decoder, memory, glyph, valid, hidden, cell, tokens, seen=None):
    """A step of an ``AttentionDecoder`` as the formulas say, its own layers on one column after the
    other: glimpse, hidden and cell state, logits, attention. ``seen`` (N, w) is the sum of earlier
    attention."""
    width = memory.shape[1]
    energy = []
    for j in range(width):
        summed = decoder.key(memory[:, j]) + decoder.query(hidden)
        for tap in range(0 if seen is None else decoder.coverage.shape[-1]):
            column = j + tap - decoder.coverage.shape[-1] // 2
            if 0 <= column < width:
                summed = summed + seen[:, column, None] * decoder.coverage[:, 0, tap]
        energy.append(decoder.score(torch.tanh(summed))[:, 0])
    energy = torch.stack(energy, 1)
    if valid is not None:
        energy[~valid] = float('-inf')
    attention = energy.softmax(1)
    glimpse = torch.einsum('nw,nwd->nd', attention, memory)
    if glyph is not None:
        gate = torch.sigmoid(decoder.fusion.gate(torch.cat([glimpse, glyph], 1)))
        glimpse = gate * glimpse.tanh() + (1 - gate) * glyph.tanh()
    inputs = torch.cat([glimpse, decoder.embedding(tokens)], 1)
    hidden, cell = decoder.rnn(inputs, (hidden, cell))
    return glimpse, hidden, cell, decoder.classifier(hidden), attention


def tiny_model(kind='siga', **changes):
    """Config of a recognizer of a few thousand weights with every part of SIGA, or with the decoder
    of another kind: 'plain', 'parallel', 'coverage' or 'srn'."""
    model = dict(
        type='GlyphRecognizer',
        data_preprocessor=dict(type='TextRecogDataPreprocessor', mean=[127, 127, 127],
                               std=[64, 64, 64], bgr_to_rgb=True),
        backbone=dict(
            type='ResNet', in_channels=3, stem_channels=[4], block_cfgs=dict(type='BasicBlock'),
            arch_layers=[1, 1, 1, 1], arch_channels=[4, 8, 8, 8],
            strides=[(2, 2), (2, 2), (2, 1), (2, 1)], out_indices=[0, 1, 3]),
        encoder=dict(type='SIGAEncoder', in_channels=(4, 8, 8), row_convs=1, fusion_channels=8,
                     hidden_size=8, max_seq_len=7),
        decoder=dict(type='SIGADecoder', dictionary=dict(DICTIONARY), in_channels=8, hidden_size=8,
                     output_size=8, max_seq_len=7,
                     module_loss=dict(type='WordLoss', letter_case='lower')),
        glyph_head=dict(
            type='GlyphHead', dictionary=dict(DICTIONARY), in_channels=8, hidden_size=8,
            max_seq_len=7, aligner=dict(type='ImplicitAligner', in_channels=8, hidden_size=8),
            segmentation=dict(type='SegmentationHead', in_channels=(8, ), trunk=False)))
    rest = dict(dictionary=dict(DICTIONARY), in_channels=8, max_seq_len=7)
    if kind == 'plain':
        model['decoder'] = dict(rest, type='ImplicitAttentionDecoder', hidden_size=8)
    elif kind == 'parallel':
        model['decoder'] = dict(rest, type='SIGAParallelDecoder', output_size=8)
    elif kind == 'coverage':
        model['decoder'] = dict(
            rest, type='CoverageTransformerDecoder', channels=8, num_heads=2, inner_channels=8,
            kernel_size=(1, 5))
    elif kind == 'srn':
        small = dict(num_layers=1, num_heads=2, inner_channels=8)
        model.update(
            encoder=dict(type='SRNEncoder', in_channels=(4, 8, 8), channels=8), glyph_head=None,
            decoder=dict(rest, type='SRNDecoder', channels=8, pvam=dict(small), gsrm=small))
    model.update(changes)
    return model


def tiny_model_of(dict_file, **changes):
    """Config of the tiny model with another dictionary."""
    model = tiny_model(**changes)
    for part in filter(None, (model['decoder'], model['glyph_head'])):
        part['dictionary'] = dict(DICTIONARY, dict_file=dict_file)
    return model
