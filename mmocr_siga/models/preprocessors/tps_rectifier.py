import torch
from mmocr.models.textrecog.preprocessors.base import BasePreprocessor
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn

from ...geometry.tps import fiducial_points, tps_grid_matrix, warp_images
from ..layers import conv_bn_relu, recomputed

_WIDTHS = (64, 128, 256, 512)


@MODELS.register_module()
class TPSRectifier(BasePreprocessor):
    """Straighten words by a thin-plate spline through predicted points (RARE, CVPR 2016; SIGA).

    Differs from MMOCR's ``STN`` in its spline (points on the edges of the image, which goes on
    beyond its border) and in showing its sampling grid, so that a text mask can be warped like its
    image. A new one begins with the identity.

    Args:
        output_size: Height and width of the rectified images.
        num_points: Fiducial points, half along the top and half along the bottom.
        frozen: Keep the weights and the statistics of the normalization as they are.
        with_cp: In training, compute the maps before the points again for the backward pass.
    """

    def __init__(self, in_channels: int = 3, output_size: tuple[int, int] = (32, 128),
                 num_points: int = 20, frozen: bool = False, with_cp: bool = False,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.output_size = tuple(output_size)
        self.frozen = frozen
        self.with_cp = with_cp
        layers: list[nn.Module] = []
        for width in _WIDTHS:
            layers += [conv_bn_relu(in_channels, width, 3, padding=1), nn.MaxPool2d(2)]
            in_channels = width
        layers[-1] = nn.AdaptiveAvgPool2d(1)
        self.localisation = nn.Sequential(*layers)
        self.hidden = nn.Sequential(nn.Linear(in_channels, 256), nn.ReLU(inplace=True))
        self.points = nn.Linear(256, 2 * num_points)
        matrix = tps_grid_matrix(*self.output_size, num_points).float()
        self.register_buffer('matrix', matrix, persistent=False)
        self._start_from_identity()
        if frozen:
            self.requires_grad_(False)

    def _start_from_identity(self) -> None:
        nn.init.zeros_(self.points.weight)
        with torch.no_grad():
            self.points.bias.copy_(fiducial_points(self.points.out_features // 2).flatten())

    def init_weights(self) -> None:
        super().init_weights()
        if not self.frozen:
            self._start_from_identity()

    def train(self, mode: bool = True) -> 'TPSRectifier':
        return super().train(mode and not self.frozen)

    def grid(self, images: Tensor) -> Tensor:
        """Where each pixel of the rectified images is taken from: (N, C, H', W') -> float32
        (N, H, W, 2), see :mod:`mmocr_siga.geometry.tps`."""
        maps = (recomputed(self.localisation, self.localisation, images) if self.with_cp else
                self.localisation(images))
        points = self.points(self.hidden(maps.flatten(1)))
        points = points.float().reshape(-1, points.shape[1] // 2, 2)
        # Half precision places pixels some hundredths of a pixel apart.
        with torch.autocast(images.device.type, enabled=False):
            return (self.matrix.float() @ points).reshape(-1, *self.output_size, 2)

    def forward(self, images: Tensor) -> Tensor:
        """Rectify: (N, C, H', W') -> (N, C, H, W)."""
        return warp_images(images, self.grid(images))
