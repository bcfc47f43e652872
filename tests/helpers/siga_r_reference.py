"""SIGA_R's inference, written out from its description on the reference's own state dict.

Nothing of the package is used: plain functions of torch, to compare the converted model
with. N batch, 26 steps, 37 classes, class 0 the end, 37 the start.
"""
import math
from pathlib import Path

import torch
from torch.nn import functional as F

KEYS = Path(__file__).resolve().parents[1] / 'data' / 'reference_keys_siga_r.tsv'
CHARACTERS = 'abcdefghijklmnopqrstuvwxyz1234567890'
STEPS, START = 26, 37


def reference_keys():
    """{key: (shape, role)} as the table lists them."""
    keys = {}
    for line in KEYS.read_text().splitlines():
        if line and not line.startswith('#'):
            key, shape, role = line.split('\t')
            keys[key] = (() if shape == 'scalar' else tuple(map(int, shape.split('x'))), role)
    return keys


def light_state(roles=('eval', 'train')):
    """A state dict with the reference's keys and shapes that takes next to no memory."""
    return {key: torch.ones(1).expand(shape) if shape else torch.tensor(1)
            for key, (shape, role) in reference_keys().items() if role in roles}


def random_state(seed=0):
    """A state dict with the reference's keys and random values that keep signals of order 1."""
    noise = torch.Generator().manual_seed(seed)
    state = {}
    for key, (shape, _) in reference_keys().items():
        name = key.rsplit('.', 1)[-1]
        value = torch.randn(shape, generator=noise)
        if name == 'num_batches_tracked':
            value = torch.tensor(1000)
        elif name == 'running_var':
            value = 0.5 + torch.rand(shape, generator=noise)
        elif name == 'running_mean' or 'bias' in name:
            value = 0.1 * value
        elif len(shape) == 1:
            # Half and less on the branch that a block adds, or sums would grow from block to block.
            value = (0.5 + torch.rand(shape, generator=noise)) * (0.5 if '.bn2.' in key else 1)
        elif 'char_embeddings' not in key:
            value = value * math.sqrt(1.5 / value[0].numel())
        state[key] = value
    fiducial = torch.tensor(fiducial_points()).flatten()
    network = 'model_one.Transformation.LocalizationNetwork.localization_fc2'
    state[f'{network}.bias'] = (fiducial + 0.05 * torch.randn(40, generator=noise)).float()
    return state


def conv(w, name, x, stride=1, padding=0):
    return F.conv2d(x, w[f'{name}.weight'], w.get(f'{name}.bias'), stride, padding)


def norm(w, name, x):
    return F.batch_norm(x, w[f'{name}.running_mean'], w[f'{name}.running_var'],
                        w[f'{name}.weight'], w[f'{name}.bias'])


def linear(w, name, x):
    return F.linear(x, w[f'{name}.weight'], w.get(f'{name}.bias'))


def lstm_cell(w, name, x, h, c):
    return torch.lstm_cell(x, (h, c), *(w[f'{name}.{part}'] for part in (
        'weight_ih', 'weight_hh', 'bias_ih', 'bias_hh')))


def bilstm(w, name, x):
    weights = [w[f'{name}.rnn.{part}_l0{way}'] for way in ('', '_reverse')
               for part in ('weight_ih', 'weight_hh', 'bias_ih', 'bias_hh')]
    start = x.new_zeros(2, len(x), weights[1].shape[1])
    both = torch.lstm(x, (start, start), weights, True, 1, 0.0, False, True, True)[0]
    return linear(w, f'{name}.linear', both)


def fiducial_points():
    x = [-1 + 2 * i / 9 for i in range(10)]
    return [(v, -1.) for v in x] + [(v, 1.) for v in x]


def tps_grid(points, height=32, width=128):
    """(N, 20, 2) -> (N, H, W, 2)."""
    target = torch.tensor(fiducial_points(), dtype=torch.float64)

    def rows(places, epsilon=0):
        radii = torch.cdist(places, target)
        splines = torch.xlogy(radii ** 2, radii + epsilon)
        return torch.cat([torch.ones(len(places), 1), places, splines], 1)

    system = F.pad(rows(target), (0, 0, 0, 3))
    system[20:, 3:] = rows(target)[:, :3].T
    x, y = ((2 * torch.arange(size).double() + 1 - size) / size for size in (width, height))
    places = torch.stack(torch.meshgrid(x, y, indexing='xy'), -1).reshape(-1, 2)
    spline = torch.linalg.solve(system.expand(len(points), -1, -1),
                                F.pad(points.double(), (0, 0, 0, 3)))
    return (rows(places, 1e-6) @ spline).reshape(-1, height, width, 2).float()


def rectify(w, images):
    name = 'model_one.Transformation.LocalizationNetwork'
    x = images
    for layer in (0, 4, 8, 12):
        x = norm(w, f'{name}.conv.{layer + 1}', conv(w, f'{name}.conv.{layer}', x, 1, 1)).relu()
        x = F.max_pool2d(x, 2) if layer < 12 else x.mean((2, 3))
    points = linear(w, f'{name}.localization_fc2',
                    linear(w, f'{name}.localization_fc1.0', x).relu()).reshape(-1, 20, 2)
    return F.grid_sample(images, tps_grid(points), 'bilinear', 'border', align_corners=True)


def residual(w, name, x, stride=1):
    out = norm(w, f'{name}.bn1', conv(w, f'{name}.conv1', x)).relu()
    out = norm(w, f'{name}.bn2', conv(w, f'{name}.conv2', out, stride, 1))
    if f'{name}.downsample.0.weight' in w:
        x = norm(w, f'{name}.downsample.1', conv(w, f'{name}.downsample.0', x, stride))
    return (out + x).relu()


def backbone(w, x):
    """The pyramid's three levels and the columns (N, 32, 512)."""
    name = 'model_one.FeatureExtraction.ConvNet'

    def stage(number, blocks, x, stride=1):
        for i in range(blocks):
            x = residual(w, f'{name}.layer{number}.{i}', x, stride if i == 0 else 1)
        return x

    level0 = norm(w, f'{name}.bn1', conv(w, f'{name}.conv1', x, 1, 1)).relu()
    level1 = stage(2, 4, stage(1, 3, level0, 2))
    level2 = stage(4, 6, stage(3, 6, level1, 2))
    x = F.max_pool2d(stage(5, 3, level2), (2, 3), (2, 1), (0, 1))
    x = norm(w, f'{name}.bn6', conv(w, f'{name}.conv6', stage(6, 2, x), 1, 1)).relu()
    x = stage(7, 1, x)
    x = norm(w, f'{name}.bn7_1', conv(w, f'{name}.conv7_1', x, (2, 1), (0, 1))).relu()
    x = norm(w, f'{name}.bn7_2', conv(w, f'{name}.conv7_2', x, 1, (0, 1))).relu()
    assert x.shape[1:] == (512, 1, 32)
    return level0, level1, level2, x[:, :, 0].transpose(1, 2)


def glyph_attention(w, level1, level2):
    """Maps and glyph features, {'fine': ..., 'coarse': ...} each."""
    name = 'model_two.Attention_Cls'

    def block(number, x, padding=0):
        return norm(w, f'{name}.bn{number}', conv(w, f'{name}.conv{number}', x, 1, padding)).relu()

    coarse = block(2, block(1, level2), 1)
    up = F.conv_transpose2d(coarse, w[f'{name}.unpool2.0.weight'], w[f'{name}.unpool2.0.bias'],
                            stride=2, padding=1)
    up = norm(w, f'{name}.unpool2.1', up).relu()
    fine = block(4, block(3, torch.cat([up, level1], 1)))
    maps = dict(coarse=conv(w, f'{name}.cls_Head_Middle.0', coarse),
                fine=conv(w, f'{name}.cls_Head_Low.0', fine))
    glyphs = {}
    for scale, level, part, rnn in (('fine', level1, 'Low', 0), ('coarse', level2, 'Middle', 1)):
        features = norm(w, f'{name}.{part}.1', conv(w, f'{name}.{part}.0', level, 1, 1)).relu()
        attention = maps[scale][:, 1:].flatten(2).softmax(-1)
        pooled = torch.einsum('nts,nds->ntd', attention, features.flatten(2))
        glyphs[scale] = bilstm(w, f'{name}.lstm.{rnn}', pooled)
    return maps, glyphs


def gate(w, name, first, second):
    z = linear(w, name, torch.cat([first, second], -1)).sigmoid()
    return z * first.tanh() + (1 - z) * second.tanh()


def fusion_decoder(w, name, context, glyphs):
    """Fused vectors (N, 26, 256) of a greedy reading."""
    cell = f'{name}.attention_cell'
    h = c = context.new_zeros(len(context), 256)
    token = torch.full((len(context), ), START)
    fused = []
    for t in range(STEPS):
        energy = (linear(w, f'{cell}.i2h', context) + linear(w, f'{cell}.h2h', h)[:, None]).tanh()
        alpha = linear(w, f'{cell}.score', energy).softmax(1)
        glimpse = (alpha * context).sum(1)
        fused.append(gate(w, f'{cell}.fusion.W', glimpse, glyphs[:, t]))
        embedding = w[f'{name}.char_embeddings.weight'][token]
        h, c = lstm_cell(w, f'{cell}.rnn', torch.cat([fused[-1], embedding], 1), h, c)
        token = linear(w, f'{name}.generator', h).argmax(1)
    return torch.stack(fused, 1)


def read(w, images):
    """Everything on the way from normalized images (N, 3, 32, 128) to logits (N, 26, 37)."""
    out = dict(images=rectify(w, images))
    out['level0'], out['level1'], out['level2'], out['columns'] = backbone(w, out['images'])
    out['maps'], out['glyphs'] = glyph_attention(w, out['level1'], out['level2'])
    context = out['columns']
    for i in range(2):
        context = bilstm(w, f'model_two.SequenceEncoding.{i}', context)
    out['context'] = context
    fine = fusion_decoder(w, 'model_two.Iterable_Predicition_one', context, out['glyphs']['fine'])
    coarse = fusion_decoder(w, 'model_two.Iterable_Predicition_two', context,
                            out['glyphs']['coarse'])
    out['features'] = linear(w, 'model_two.pw', gate(w, 'model_two.Fusion.W', fine, coarse))
    name = 'model_two.generator'
    h = c = context.new_zeros(len(context), 512)
    token = torch.full((len(context), ), START)
    logits = []
    for t in range(STEPS):
        embedding = w[f'{name}.char_embeddings.weight'][token]
        h, c = lstm_cell(w, f'{name}.rnn', torch.cat([out['features'][:, t], embedding], 1), h, c)
        logits.append(linear(w, f'{name}.generator', h))
        token = logits[-1].argmax(1)
    out['logits'] = torch.stack(logits, 1)
    out['texts'] = [text(row) for row in out['logits'].argmax(-1).tolist()]
    return out


def text(classes):
    """Classes up to the first 0 as characters."""
    end = classes.index(0) if 0 in classes else len(classes)
    return ''.join(CHARACTERS[c - 1] for c in classes[:end])
