# pixels_tiny with as many pixels anywhere as there are edges: a control.
_base_ = ['pixels_tiny.py']

model = dict(encoder=dict(select='random'))
