# comer_tiny_plain on codes and formulas of 30 to 100 characters.
_base_ = ['comer_tiny_long.py']

model = dict(decoder=dict(coverage=()))
