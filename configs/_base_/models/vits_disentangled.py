# Style and content apart on a vision transformer with patches of 4 pixels: ViT-Small. Needs timm:
#
#   pip install "timm>=1.0"
_base_ = ['tiny_disentangled.py']

model = dict(
    # Tokens of 8 x 32 after blocks 3, 6, 9 and 12.
    backbone=dict(
        _delete_=True,
        type='SIGAViT', embed_dim=384, num_heads=6, taps=(3, 6, 9), column_channels=None,
        drop_path_rate=0.1),
    encoder=dict(in_channels=(384, ) * 4, num_heads=6),
    decoder=dict(
        _delete_=True, type='SRNDecoder', dictionary=_base_.dictionary, channels=384,
        # The content branch has related the places already.
        pvam=dict(num_layers=0, score='dot'),
        gsrm=dict(num_layers=2, num_heads=6, inner_channels=768, dropout=0.1),
        max_seq_len=25, cut_at_end=True,
        module_loss=dict(type='SRNModuleLoss', ask_after_end=False)),
    image_head=dict(
        decoder=dict(
            channels=192, erase_blocks=2, blocks=4, num_heads=6, inner_channels=768,
            head_channels=(96, 48), prompt=dict(stem_channels=64))))
