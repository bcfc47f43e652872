import pytest

from mmocr_siga.rendering import PRESETS, RenderStyle


def test_presets_get_harder():
    easy, medium, hard = (PRESETS[k] for k in ('easy', 'medium', 'hard'))
    for name in ('curve', 'busy', 'blur', 'low_resolution', 'perspective', 'shear', 'angle'):
        assert getattr(easy, name) <= getattr(medium, name) <= getattr(hard, name)
    assert easy.contrast[0] > medium.contrast[0] > hard.contrast[0]


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="unknown difficulty 'brutal'.*easy.*hard.*medium"):
        RenderStyle.preset('brutal')
    with pytest.raises(TypeError, match='bluur'):
        RenderStyle.preset('easy', bluur=0.5)


@pytest.mark.parametrize('change, message', [
    (dict(blur=1.2), 'blur must be within'), (dict(noise_sigma=(3, 1)), 'noise_sigma must be')])
def test_bad_values_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        RenderStyle(**change)
