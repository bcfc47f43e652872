import pytest

from mmocr_siga.rendering import PRESETS, RenderStyle


def test_presets_get_harder():
    easy, medium, hard = (PRESETS[k] for k in ('easy', 'medium', 'hard'))
    for name in ('curve', 'busy', 'blur', 'low_resolution', 'perspective', 'shear', 'angle'):
        assert getattr(easy, name) <= getattr(medium, name) <= getattr(hard, name)
    assert easy.contrast[0] > medium.contrast[0] > hard.contrast[0]


@pytest.mark.parametrize('name, change, error, message', [
    ('brutal', {}, ValueError, "unknown difficulty 'brutal'.*easy.*hard.*medium"),
    ('easy', dict(bluur=0.5), TypeError, 'bluur'),
    ('easy', dict(blur=1.2), ValueError, 'blur must be within'),
    ('easy', dict(noise_sigma=(3, 1)), ValueError, 'noise_sigma must be')])
def test_bad_names_and_values_are_named(name, change, error, message):
    with pytest.raises(error, match=message):
        RenderStyle.preset(name, **change)
