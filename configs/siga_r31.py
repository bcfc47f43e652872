# SIGA (CVPR 2023) on MMOCR's ResNet31OCR, trained on MJSynth + SynthText.
#
#   one GPU:    mim train mmocr configs/siga_r31.py --amp
#   eight GPUs: mim train mmocr configs/siga_r31.py --amp --launcher pytorch --gpus 8 \
#                   --cfg-options train_dataloader.batch_size=80
#   test:       mim test mmocr configs/siga_r31.py --checkpoint work_dirs/siga_r31/iter_160000.pth
#
# Data are looked for in $SIGA_DATA, or data (docs/guides/benchmarks.md). SIGA_BENCHMARK_FORM=lmdb
# takes the field's databases, not MMOCR's JSON; SIGA_MISSING=skip uses the sets that are there.
# Characters: SIGA_DICT=62 or 94, or the line in configs/_base_/dictionary.py.
#
# The schedule is for a global batch of 640. With another one scale both
# optim_wrapper.optimizer.lr and param_scheduler.0.eta_max in proportion.
_base_ = ['_base_/models/resnet31_siga.py', '_base_/recipes/mj_st.py']

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))
