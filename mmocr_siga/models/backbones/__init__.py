from .siga_resnet45 import SIGAResNet45
from .siga_svtr import SIGASVTR
from .siga_vit import SIGAViT

__all__ = ['SIGAResNet45', 'SIGASVTR', 'SIGAViT']
