# The narrow SAR with both plug-ins.
_base_ = ['sar_tiny.py', '../_base_/models/tiny_plugins.py']

model = dict(type='PluggedRecognizer', plugins=_base_.tiny_plugins)
