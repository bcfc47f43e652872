"""Recognizers for ``torch.hub``: an ``nn.Module`` in evaluation mode.

    model = torch.hub.load('path/of/the/clone', 'siga_tiny_words', source='local')
    sample = TextRecogDataSample(metainfo=dict(img_shape=(32, 128), valid_ratio=1.0))
    word, = model.test_step(dict(inputs=[image], data_samples=[sample]))
    word.pred_text.item

for a uint8 image, 3 x 32 x 128, BGR. ``model(images)`` takes images that were normalized,
N x 3 x 32 x 128, and gives probabilities, N x 26 x 95.
"""
from mmocr_siga.compat.configs import find_config, weights_of

dependencies = ['torch', 'mmengine', 'mmocr']


def siga_tiny_words(pretrained=True, device='cpu'):
    """SIGA of 4.2 M parameters, 94 characters, words of up to 25; comes with the package."""
    return recognizer('siga_tiny_words', pretrained=pretrained, device=device)


def siga_lcnet_words(pretrained=True, device='cpu'):
    """PP-OCRv6's trunk and CTC, trained on: 95 characters, lines and words of up to 80, images 48
    pixels high of any width; comes with the package."""
    return recognizer('siga_lcnet_words', pretrained=pretrained, device=device)


def recognizer(name, weights=None, pretrained=False, device='cpu'):
    """The recognizer of a config by its name, such as ``siga_r31`` or ``siga_p_tiny``.

    Args:
        name (str): Name of a config, or of a packaged model.
        weights (str): Path or address of a checkpoint.
        pretrained (bool): Whether to take the weights that the package has for it, in their place.
        device (str): Where to put it.

    Raises:
        FileNotFoundError: If there is no such config, or there are no weights with it.
    """
    from mmengine.config import Config
    from mmocr.registry import MODELS
    from mmocr.utils import register_all_modules

    from mmocr_siga.models.utils.weights import load_weights

    register_all_modules(init_default_scope=True)
    path = find_config(name)
    model = MODELS.build(Config.fromfile(path).model)
    if pretrained and not weights:
        weights = weights_of(path)
        if weights is None:
            raise FileNotFoundError(f'no weights of {name} come with the package')
    if weights:
        load_weights(model, weights)
    return model.to(device).eval()
