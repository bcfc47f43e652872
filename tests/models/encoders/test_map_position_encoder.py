import math

import torch

from mmocr_siga.models.encoders import MapPositionEncoder


@torch.no_grad()
def test_columns_and_rows_by_hand():
    encoder = MapPositionEncoder(3, 8).eval()
    feature = torch.randn(2, 3, 2, 5)
    found = encoder([torch.zeros(0), feature], [dict(valid_ratio=1.0), dict(valid_ratio=0.6)])
    plain = encoder.reduce(feature)
    for n, columns in enumerate((5, 3)):
        for y in range(2):
            for x in range(columns):
                waves = []
                for place in ((x + 1) / columns, (y + 1) / 2):
                    for wavelength in (1, 10000**0.5):
                        angle = 2 * math.pi * place / wavelength
                        waves += [math.sin(angle), math.cos(angle)]
                expected = encoder.norm(plain[n, :, y, x] + torch.tensor(waves))
                torch.testing.assert_close(found[n, :, y, x], expected, rtol=1e-4, atol=1e-5)
    # Padding changes nothing about the rest.
    torch.testing.assert_close(encoder(feature[1:, ..., :3]), found[1:, ..., :3])
