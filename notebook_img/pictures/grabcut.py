"""GrabCut: what stands out from its background, by colour models of both (Rother and others 2004)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDS = 4


def told_apart(cv2: Any, pixels: NDArray[np.uint8], labels: NDArray[np.uint8], part: Any = ...) -> NDArray[np.uint8]:
    """Return 1 where a picture is not background, without specks and pinholes.

    Parameters
    ----------
    cv2 : module
        OpenCV, which is imported by whoever can do without it.
    pixels : array
        Blue, green and red.
    labels : array
        OpenCV's, to begin with: what is background for sure, and what may be either. Changed in place.
    part : index of `labels`, optional
        What of the picture is returned; all of it if not given.
    """
    cv2.setRNGSeed(0)  # the same picture gives the same shape
    cv2.grabCut(pixels, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), _ROUNDS, cv2.GC_INIT_WITH_MASK)
    inside = np.isin(labels[part], (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    kernel = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.morphologyEx(cv2.morphologyEx(inside, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel))
