import pytest

from mmocr_siga.demo_page import parse_regions

A, B = [1, 2, 3, 2, 3, 4, 1, 4], [1, 2, 30, 2, 30, 40, 1, 40]


@pytest.mark.parametrize('line, want', [
    ('1, 2, 30, 40', B),
    ('30 40 1 2', B),  # from the other corner
    ('0,0,5,0,5.5,6,-1,6', [0, 0, 5, 0, 5.5, 6, -1, 6]),
    ('0 0 5 0 2 6', [0, 0, 5, 0, 2, 6]),
    ('1,2,3,2,3,4,1,4,Coffee, please', A),
    ('1,2,3,2,3,4,1,4,2024', A),  # a word that is a number
    ('1,2,3,2,3,4,1,4,###', A),
    ('\ufeff1e1,2,+30,40', [10, 2, 30, 2, 30, 40, 10, 40])])
def test_one_line(line, want):
    assert parse_regions(line) == [want]


def test_many_lines():
    assert parse_regions('\n1,2,3,4\r\n\n  1 2 30 40\n') == [A, B]
    assert parse_regions(' \n') == []


@pytest.mark.parametrize('line', ['abc', '1,2,3', '1;2;3;4', '1,2,nan,4', '1,2,inf,4', '-,1,2,3',
                                  '1,2,' * 65])
def test_the_line_that_is_wrong_is_named(line):
    with pytest.raises(ValueError, match='line 2 (is no region|has 65 corners)'):
        parse_regions(f'1,2,3,4\n{line}')
