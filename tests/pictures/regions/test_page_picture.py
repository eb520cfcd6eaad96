"""The picture of docs/masks-and-regions.md: what is sent, a reply laid in as it came, and the same one brought back."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from notebook_img.pictures import as_mask, load, paste_reply, plan_region
from tests.emulators.drifting import Drifting, answer
from tests.pictures.regions.stand_in import BY_RATIO, photograph

PLACE = Path(__file__).resolve().parents[3] / "docs" / "screenshots" / "region.jpg"
WANTED = os.environ.get("NOTEBOOK_IMG_SCREENSHOTS") == "1"  # read now: tests see no settings of the user
MASK = (330, 60, 120, 130)


def drawn() -> Image.Image:
    """Three pictures beside each other, the parts around the mask enlarged."""
    original = load(Image.fromarray(photograph("coffee")))
    mask = as_mask(",".join(map(str, MASK)), original)
    plan = plan_region(original.size, mask.pil(), BY_RATIO)
    frame = np.asarray(original.pil().crop(plan.inside))
    reply = answer(frame, plan.reply, Drifting(shift=(7, -5), scale=1.02, gain=(1.06, 1.0, 0.94)))
    done = paste_reply(original, load(Image.fromarray(reply)), mask, plan)
    assert done.notes == ("moved 8.6 px, 2 % larger, brighter by 3, warmer by 6: mended",)
    as_it_came = original.pil()
    patch = Image.fromarray(reply).resize(plan.frame_size, Image.Resampling.LANCZOS)
    as_it_came.paste(patch, plan.inside[:2], mask.pil().crop(plan.inside))
    framed = original.pil()
    pen = ImageDraw.Draw(framed)
    pen.rectangle(plan.inside, outline="#00b4ff", width=4)
    pen.rectangle((MASK[0], MASK[1], MASK[0] + MASK[2], MASK[1] + MASK[3]), outline="#ffd400", width=4)
    around = (MASK[0] - 60, MASK[1] - 40, MASK[0] + MASK[2] + 60, MASK[1] + MASK[3] + 40)
    parts = [framed, *(picture.crop(around).resize((360, 315), Image.Resampling.LANCZOS) for picture in (as_it_came, done.picture.pil()))]
    sheet = Image.new("RGB", (472 + 2 * 368, 315), "white")
    sheet.paste(framed.resize((472, 315), Image.Resampling.LANCZOS), (0, 0))
    sheet.paste(parts[1], (480, 0))
    sheet.paste(parts[2], (848, 0))
    return sheet


def test_the_picture_of_the_page_shows_what_happens_today() -> None:
    sheet = drawn()
    if WANTED:
        sheet.save(PLACE, quality=88)
    with Image.open(PLACE) as kept:
        difference = np.abs(np.asarray(kept.convert("RGB")).astype(int) - np.asarray(sheet))
    assert difference.mean() < 3, "make it anew with NOTEBOOK_IMG_SCREENSHOTS=1"
