import pytest

from mmocr_siga.rendering.parts import PARTS, face_part, faces_of, word_part


def crc32(data):
    """Bit by bit, of the reversed polynomial 0xEDB88320."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


@pytest.mark.parametrize('path, family', [
    ('DejaVuSans-Bold.ttf', b'dejavusans'), ('/elsewhere/dejavusans.otf', b'dejavusans'),
    ('Lato_Italic.ttf', b'lato'), ('family-3.x.ttf', b'family'), ('ttf', b'ttf')])
def test_faces_of_a_family_stay_together_on_every_machine(path, family):
    assert face_part(path) == ('test' if crc32(family) % 5 == 0 else 'train')


@pytest.mark.parametrize('word', ['hotel', 'Hotel', 'HOTEL', '', 'caf\u00e9', '2026'])
def test_letter_case_does_not_matter_to_words(word):
    assert word_part(word) == PARTS[crc32(word.lower().encode()) % 2]


def test_a_fifth_of_the_families_and_half_of_the_words():
    numbers = range(4000)
    assert sum(face_part(f'font{n}.ttf') == 'test' for n in numbers) / 4000 == pytest.approx(
        0.2, abs=0.03)
    assert sum(word_part(f'word{n}') == 'test' for n in numbers) / 4000 == pytest.approx(
        0.5, abs=0.03)


def test_parts_of_a_library_share_no_face(library, monkeypatch):
    monkeypatch.setattr('mmocr_siga.rendering.parts.face_part',
                        lambda path: PARTS['Bold' in path])
    parts = [faces_of(library, part) for part in PARTS]
    paths = [[face.path for face in part.faces] for part in parts]
    assert all('Bold' not in path for path in paths[0]) and all('Bold' in p for p in paths[1])
    assert sorted(sum(paths, [])) == sorted(face.path for face in library.faces)
    monkeypatch.setattr('mmocr_siga.rendering.parts.face_part', lambda path: 'train')
    with pytest.raises(ValueError, match='no usable font'):
        faces_of(library, 'test')
