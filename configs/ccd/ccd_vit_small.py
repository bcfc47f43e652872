# CCD (ICCV 2023): ViT-Small pre-trained without labels.
#
#   4 GPUs: mim train mmocr configs/ccd/ccd_vit_small.py --amp --launcher pytorch --gpus 4
#   1 GPU:  mim train mmocr configs/ccd/ccd_vit_small.py --amp --auto-scale-lr
#
# Words: MJSynth and SynthText below $SIGA_DATA (docs/guides/benchmarks.md), real words there, and
# all pictures in $SIGA_WORDS; docs/guides/ccd.md.
_base_ = ['../_base_/models/ccd_vit.py', '../_base_/recipes/ccd_vit.py']
