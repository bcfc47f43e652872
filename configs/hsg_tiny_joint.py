# hsg_tiny whose backbone learns from the groups too.
_base_ = ['hsg_tiny.py']

model = dict(plugins=dict(grouping=dict(detach=False)))
