# Style and content apart behind the backbone of siga_tiny, from that of siga_tiny_words, which has
# learned to read already. Its batch norm tells the pictures of a pair a little of each other.
#
#   mim train mmocr configs/disentangled_siga_tiny.py --amp
_base_ = ['disentangled_tiny.py']

import mmocr_siga.inference.packaged as packaged  # noqa: E402

__reader = packaged.find_packaged('siga_tiny_words')
model = dict(
    backbone=dict(_delete_=True, **packaged.read_config(__reader.config).model.backbone),
    encoder=dict(in_channels=(32, 64, 192)))

default_hooks = dict(
    warm_start=dict(type='WarmStartHook', checkpoint=str(__reader.weights),
                    parts={'backbone.': 'backbone.'}))
