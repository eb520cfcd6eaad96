"""A process that asks Jimeng and waits: ``python -m tests.studio.waiting``; it is there to be killed."""

from __future__ import annotations

from notebook_img.studio.studio import Studio

Studio().session("fox", model="jimeng").generate("a fox in the snow", size="1K", seed=2_555_000_001)
