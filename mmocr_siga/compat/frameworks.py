"""Whether PyTorch and MMOCR are there; imports nothing before it is asked."""
import importlib.util
from typing import Optional

__all__ = ['missing_framework']


def missing_framework() -> Optional[str]:
    """Why recognisers cannot be built at all, or None where they can.

    Exported ones can still be read with: :class:`~mmocr_siga.apis.ONNXRecognizer` needs neither
    PyTorch nor MMOCR. Packages that are there in a wrong version are not missing.

    Returns:
        str, optional: The error of importing torch, or that there is no mmocr.
    """
    try:
        import torch  # noqa: F401
        # Not imported: the repairs of compat.py come first.
        if importlib.util.find_spec('mmocr') is None:
            return "No module named 'mmocr'"
    except ImportError as error:
        return str(error)
    except ValueError:  # imported by hand, without a spec
        pass
    return None
