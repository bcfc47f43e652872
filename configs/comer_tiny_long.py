# comer_tiny on codes and formulas of 30 to 100 characters (docs/guides/coverage.md).
_base_ = ['_base_/models/tiny_comer.py', '_base_/recipes/long_strings.py']

model = dict(
    decoder=dict(dictionary=_base_.long_strings_dictionary, max_seq_len=100))
