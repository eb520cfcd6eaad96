"""Seedream by its official API: Volcengine Ark, and BytePlus outside China."""

from notebook_img.providers.ark.provider import ArkProvider

__all__ = ["ArkProvider"]
