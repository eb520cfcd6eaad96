"""``%load_ext notebook-img``: the name of the package is easily taken for that of its module."""

from notebook_img import load_ipython_extension, unload_ipython_extension

__all__ = ["load_ipython_extension", "unload_ipython_extension"]
