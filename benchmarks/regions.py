"""A masked edit of a 24-megapixel photograph: bytes and price against sending the photograph, and the time the way back takes."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import Row, duration, home_of_its_own, processor_seconds
from benchmarks.one_turn import KEY

if TYPE_CHECKING:
    from notebook_img.pictures import Picture
    from tests.emulators.process import Running

SIZE = (6000, 4000)
MASK = "2600,1800,600,500"
WAY_BACK = 0.5
"""Seconds the pixels may take."""
ALL = 3.0
"""Seconds everything on this side may take: reading the photograph, sending, the way back, the file, the store."""


def rows() -> list[Row]:
    """Measure both edits, and the way back by itself."""
    from tests.emulators.process import running

    data = photograph()
    with running("gemini") as service:
        part, whole = (edited(service, data, confine=confine) for confine in (True, False))
    seconds = way_back(part)
    file = len(part.after.data)
    return [
        Row(
            "a masked edit of 24 megapixels: bytes sent",
            "sending the photograph",
            part.bytes / whole.bytes,
            0.1,
            _mb(part.bytes),
            _mb(whole.bytes),
        ),
        Row(
            "a masked edit of 24 megapixels: price",
            "sending the photograph",
            part.cost / whole.cost,
            1.1,  # the small copy of the whole is one more picture to look at
            f"${part.cost:.4f}",
            f"${whole.cost:.4f}",
        ),
        Row("its way back: pixels, processor time", "half a second", seconds / WAY_BACK, 1.0, f"{seconds * 1000:.0f} ms", "500 ms"),
        Row("all of it but the service, processor time", "three seconds", part.seconds / ALL, 1.0, duration(part.seconds), duration(ALL)),
        Row("its file", "the photograph as a PNG", file / (SIZE[0] * SIZE[1] * 3), 1.0, _mb(file), _mb(SIZE[0] * SIZE[1] * 3)),
    ]


def photograph() -> bytes:
    """Return a JPEG of 24 megapixels with a photograph's detail."""
    from PIL import Image

    from tests.pictures.regions.stand_in import tiled

    out = io.BytesIO()
    Image.fromarray(tiled("coffee", 0, 0, *SIZE)).save(out, "JPEG", quality=92)
    return out.getvalue()


def edited(service: Running, data: bytes, *, confine: bool) -> Edit:
    """Edit inside the mask; without confinement the photograph travels."""
    from notebook_img.pictures import Picture
    from notebook_img.settings import Settings
    from notebook_img.studio import Studio

    with home_of_its_own() as folder:
        environ = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": service.url, "NOTEBOOK_IMG_HOME": str(folder)}
        studio = Studio(settings=Settings(environ, budget=1e9))
        session = studio.session("fox")
        session.edit("make the cup green", "sample:coffee", mask="20,20,60,60", model="gemini")  # what is imported on first use
        service.reset()
        service.control(drift={"shift": [0.01, -0.005], "scale": 1.01})
        started = time.process_time()
        turn = session.edit("make the cup green", data, mask=MASK, confine=confine, model="gemini")
        seconds = time.process_time() - started
        assert turn.mask is not None
        kept = [Picture(item.data) for item in (turn.inputs[0], turn.mask, turn.picture, *turn.delivered)]
        cost, region = turn.cost or 0.0, dict(turn.sent.get("region", {}))
        studio.close()
    sent = sum(row["size"] for row in service.requests("generateContent"))
    return Edit(cost, region, kept[0], kept[1], kept[2], kept[3] if len(kept) > 3 else None, sent, seconds)


@dataclass(frozen=True)
class Edit:
    """What is read of an edit after its home is gone."""

    cost: float
    region: dict[str, Any]
    before: Picture
    mask: Picture
    after: Picture
    delivered: Picture | None
    bytes: int
    """That were sent."""
    seconds: float
    """Processor time of the edit in this process."""


def way_back(edit: Edit) -> float:
    """Return the processor time, seconds, of aligning, recolouring and laying in; decoding and writing files left out."""
    import numpy as np

    from notebook_img.pictures import RegionPlan
    from notebook_img.pictures.regions.replies import geometry_of
    from notebook_img.pictures.regions.stitching import stitch

    assert edit.delivered is not None
    plan = RegionPlan.from_dict(edit.region)
    inside = np.asarray(edit.before.pil().crop(plan.inside))
    reply = np.asarray(edit.delivered.pil().convert("RGB"))
    mask = np.asarray(edit.mask.pil().convert("L").crop(plan.inside))
    assert stitch(inside, reply, mask, mask, geometry_of(plan)).drift.aligned
    return processor_seconds(lambda: stitch(inside, reply, mask, mask, geometry_of(plan)))


def _mb(count: float) -> str:
    return f"{count / 1e6:.1f} MB"
