# Exponential moving average of the weights, for a config of your own:
#
#   _base_ = ['siga_tiny.py', '_base_/schedules/ema.py']
#   default_hooks = dict(ema=_base_.ema)
#
# or --cfg-options default_hooks.ema.type=EMAHook default_hooks.ema.ema_type=mmdet.ExpMomentumEMA
#
# Validation, the best checkpoint, tests and tools/checkpoints/publish_checkpoint.py take the averaged weights.
# A checkpoint calls them state_dict, and the last ones, for --resume, ema_state_dict. The average
# begins short and grows: the share of a step is momentum + (1 - momentum) exp(-step / gamma).
ema = dict(
    type='EMAHook', ema_type='mmdet.ExpMomentumEMA', momentum=0.0002, gamma=2000)
