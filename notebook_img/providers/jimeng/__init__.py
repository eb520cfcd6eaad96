"""Seedream by the web session of Jimeng: unofficial, undocumented, opt-in. The official way is the provider ``ark``."""

from notebook_img.providers.jimeng.provider import JimengProvider

__all__ = ["JimengProvider"]
