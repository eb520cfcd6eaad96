"""Edits inside a mask: the part of a picture that is sent, and the way back of the reply. Pixels only: no provider, no store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img._face import face

if TYPE_CHECKING:
    from notebook_img.pictures.regions.alignment import align as align
    from notebook_img.pictures.regions.alignment import measure_drift as measure_drift
    from notebook_img.pictures.regions.drift import Drift as Drift
    from notebook_img.pictures.regions.frames import cut_frame as cut_frame
    from notebook_img.pictures.regions.plan import RegionPlan as RegionPlan
    from notebook_img.pictures.regions.plan import Takes as Takes
    from notebook_img.pictures.regions.plan import plan_region as plan_region
    from notebook_img.pictures.regions.replies import Pasted as Pasted
    from notebook_img.pictures.regions.replies import paste_reply as paste_reply
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        alignment="align measure_drift",
        drift="Drift",
        frames="cut_frame",
        plan="RegionPlan Takes plan_region",
        replies="Pasted paste_reply",
    )
