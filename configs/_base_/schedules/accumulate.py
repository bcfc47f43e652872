# Gradient accumulation: four batches make a step, in the memory of one. For a config of your own:
#
#   _base_ = ['siga_r31.py', '_base_/schedules/accumulate.py']
#   optim_wrapper = dict(**_base_.accumulate)
#
# or --cfg-options optim_wrapper.accumulative_counts=4
#
# Iterations still count batches: for as many steps as before, max_iters, val_interval and the
# total_steps of the learning rate grow fourfold. Batch norm sees one batch at a time.
accumulate = dict(accumulative_counts=4)
