# siga_tiny_baseline_coverage on real and rendered words, after siga_tiny_baseline_coverage_easy.py.
_base_ = ['_base_/models/tiny_baseline.py', '_base_/recipes/tiny_mixed.py']

model = dict(decoder=dict(coverage=dict(kernel_size=11)))
train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))
default_hooks = dict(warm_start=dict(
    checkpoint='work_dirs/siga_tiny_baseline_coverage_easy/iter_1500.pth'))
