# The characters that are read: one line for the model, its losses and the check of the labels.
#
#   '36'  0-9, a-z                  labels are brought into lower case; the usual benchmark protocol
#   '62'  0-9, a-z, A-Z             labels keep their case
#   '94'  all printable ASCII       labels keep their case; no space
#
# or the path of a text file with one character a line. SIGA_DICT=94 in the environment does the
# same for a single run.
dict_file = '{{$SIGA_DICT:36}}'

dictionary = dict(
    type='WordDictionary',
    dict_file=dict_file,
    with_end=True,
    # No token for unknown characters: they are left out of the labels.
    with_unknown=True, unknown_token=None)
