"""fal: hosted open and commercial image models behind one queue."""

from notebook_img.providers.fal.provider import FalProvider

__all__ = ["FalProvider"]
