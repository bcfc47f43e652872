"""Small copies of MMOCR's recognizers, and what trains them for a step."""
import copy
from functools import cache
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.structures import LabelData
from mmengine.utils import get_installed_path
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample

R31 = dict(type='ResNet31OCR', channels=[4, 8, 8, 8, 8, 16, 16], layers=[1, 1, 1, 1])
RESNET = dict(stem_channels=[4], arch_channels=[4, 8, 8, 8, 16], arch_layers=[1, 1, 1, 1, 1])
SAR = dict(
    backbone=R31, encoder=dict(d_model=16, d_enc=12),
    decoder=dict(d_model=16, d_enc=12, d_k=6, pred_dropout=0.0))
# One head and no dropout, so that values and attention give the output.
NRTR_DECODER = dict(n_layers=2, n_head=1, d_k=16, d_v=16, d_inner=16, d_model=16, d_embedding=16,
                    dropout=0.0)

# Name -> MMOCR's config, what makes it small, and the (height, width) of its images.
RECOGNIZERS = {
    'sar_parallel': ('sar/sar_resnet31_parallel-decoder_5e_toy.py', SAR, (48, 80)),
    'sar_sequential': ('sar/sar_resnet31_sequential-decoder_5e_st-sub_mj-sub_sa_real.py', SAR,
                       (48, 80)),
    'aster': ('aster/aster_resnet45_6e_st_mj.py', dict(
        backbone=RESNET, encoder=dict(in_channels=16),
        decoder=dict(in_channels=16, emb_dims=12, attn_dims=12, hidden_size=16)), (64, 128)),
    'robust_scanner': ('robust_scanner/robustscanner_resnet31_5e_toy.py', dict(
        backbone=R31, encoder=dict(in_channels=16, out_channels=8),
        decoder=dict(in_channels=[16, 16], hybrid_decoder=dict(dim_input=16, dim_model=8),
                     position_decoder=dict(dim_input=16, dim_model=8))), (48, 80)),
    'nrtr': ('nrtr/nrtr_resnet31-1by16-1by8_6e_st_mj.py', dict(
        backbone=dict(channels=[4, 8, 8, 8, 8, 16], layers=[1, 1, 1, 1]),
        encoder=dict(n_layers=1, n_head=2, d_k=8, d_v=8, d_model=16, d_inner=16),
        decoder=NRTR_DECODER), (32, 80)),
    'satrn': ('satrn/satrn_shallow_5e_st_mj.py', dict(
        backbone=dict(hidden_dim=16),
        encoder=dict(n_layers=1, n_head=2, d_k=8, d_v=8, d_model=16, d_inner=16),
        decoder=NRTR_DECODER), (16, 40)),
    'master': ('master/master_resnet31_12e_toy.py', dict(
        backbone=dict(stem_channels=[4, 8], arch_channels=[8, 8, 16, 16],
                      arch_layers=[1, 1, 1, 1],
                      block_cfgs=dict(plugins=dict(cfg=dict(ratio=0.5)))),
        decoder=dict(d_model=16, n_head=2, d_inner=16, n_layers=2, feat_pe_drop=0.0)), (48, 80)),
    'abinet': ('abinet/abinet_20e_st-an_mj.py', dict(
        backbone=dict(arch_settings=[1, 1, 1, 1, 1], strides=[2, 1, 2, 1, 1], base_channels=1,
                      stem_channels=1),
        encoder=dict(n_layers=1, n_head=2, d_model=16, d_inner=16),
        decoder=dict(d_model=16, num_iters=1,
                     vision_decoder=dict(in_channels=16, num_channels=4),
                     language_decoder=dict(d_model=16, n_head=2, d_inner=16, n_layers=1))),
               (32, 128)),
}


@cache
def _config(name):
    path, changes, _ = RECOGNIZERS[name]
    cfg = Config(dict(model=Config.fromfile(mmocr_config(path)).model))
    cfg.merge_from_dict(dict(model=changes))
    return cfg.model.to_dict()


def mmocr_config(path):
    """Path of a config of MMOCR's, given below textrecog/."""
    root = Path(get_installed_path('mmocr'))
    folders = (root / '.mim' / 'configs', root.parent / 'configs')
    return next(folder / 'textrecog' / path for folder in folders if folder.is_dir())


def small_config(name, **changes):
    """Config of a small copy of one of MMOCR's recognizers."""
    return dict(copy.deepcopy(_config(name)), **changes)


def build_small(name, seed=0, **changes):
    """A small copy of one of MMOCR's recognizers, or, with other types, of a plugged one."""
    torch.manual_seed(seed)
    return MODELS.build(small_config(name, **changes))


def batch(size, words=('abc', 'zz'), ratios=(1.0, 0.5), channels=3):
    """Noise of a size (height, width) and the samples of words."""
    samples = []
    for word, ratio in zip(words, ratios):
        sample = TextRecogDataSample(gt_text=LabelData(item=word))
        sample.set_metainfo(dict(valid_ratio=ratio, img_shape=tuple(size)))
        samples.append(sample)
    return torch.randn(len(samples), channels, *size), samples
