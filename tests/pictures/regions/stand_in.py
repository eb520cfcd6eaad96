"""A model as real ones are: it answers in its own size, moved by some pixels, a little larger, warmer or softer. Arrays only."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from skimage import data

from notebook_img.pictures.feather import feather_of, inward, mixed
from notebook_img.pictures.regions import RegionPlan, Takes, plan_region
from notebook_img.pictures.regions.geometry import Place
from notebook_img.pictures.regions.grids import warped
from notebook_img.pictures.regions.replies import _is_soft, geometry_of
from notebook_img.pictures.regions.stitching import Stitched, stitch
from tests.emulators.drifting import Drifting, answer

RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
BY_RATIO = Takes(ratios=RATIOS, sizes=(("1K", 1024 * 1024),), references=13)
BY_PIXELS = Takes(pixel_sizes=True, step=16, least_pixels=655_360, most_pixels=1024 * 1536, most_side=1536, longest=3, native_mask=True)

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "immunohistochemistry", "hubble_deep_field")
SIZES = (
    (451, 300), (1024, 858), (6000, 4000), (300, 4000), (1025, 769), (700, 2000),
    (512, 512), (640, 427), (1411, 1411), (240, 180), (2000, 1500), (1920, 1080),
)  # fmt: skip
MASKS = ("tiny", "edge", "corner", "several", "whole", "soft")
DRIFTS = ("none", "shift", "scale", "shift and scale", "warmth", "blur", "gradient", "background")


@functools.cache
def photograph(name: str) -> np.ndarray:
    return getattr(data, name)()


def tiled(name: str, left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """A part of an endless photograph: mirrored at its edges, so that every part is as detailed as the middle."""
    source = photograph(name)
    axes = []
    for low, high, side in ((top, bottom, source.shape[0]), (left, right, source.shape[1])):
        index = np.arange(low, high) % (2 * side)
        axes.append(np.where(index < side, index, 2 * side - 1 - index))
    return np.ascontiguousarray(source[axes[0][:, None], axes[1][None, :]])


def mask_of(kind: str, size: tuple[int, int]) -> Image.Image:
    if size[0] * size[1] > 10_000_000 and kind != "whole":  # a patch of a large picture
        mask = Image.new("L", size)
        part = mask_of(kind, (2400, 1600))
        mask.paste(part, (size[0] - part.width, 0 if kind == "edge" else size[1] - part.height))
        return mask
    width, height = size
    short = min(size)
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    if kind == "tiny":
        side = max(8, short * 0.06)
        draw.ellipse((width * 0.4, height * 0.45, width * 0.4 + side, height * 0.45 + side), fill=255)
    elif kind == "edge":
        draw.rectangle((width * 0.3, 0, width * 0.6, height * 0.3), fill=255)
    elif kind == "corner":
        draw.rectangle((width * 0.7, height * 0.7, width, height), fill=255)
    elif kind == "several":
        for x, y in ((0.2, 0.25), (0.6, 0.3), (0.4, 0.7)):
            draw.ellipse((width * x, height * y, width * x + short * 0.15, height * y + short * 0.15), fill=255)
    elif kind == "whole":
        mask.paste(255, (0, 0, *size))
    else:
        draw.ellipse((width * 0.3, height * 0.3, width * 0.6, height * 0.65), fill=255)
        mask = mask.filter(ImageFilter.GaussianBlur(short * 0.02))
    return mask


def drifting(kind: str, frame: tuple[int, int], rng: np.random.Generator) -> Drifting:
    """A drift of this kind, up to what is promised to be mended."""
    both = kind == "shift and scale"
    side = max(frame) * (0.025 if both else 0.05)
    shift = tuple(rng.uniform(-side, side, 2)) if "shift" in kind else (0.0, 0.0)
    scale = 1 + float(rng.choice([-1, 1]) * rng.uniform(0.01, 0.04)) if "scale" in kind else 1.0
    if kind == "warmth":
        return Drifting(gain=(1.04, 1.0, 0.95), offset=(3, 0, -4))
    return Drifting(shift, scale, slope=(0.08, 0.05) if kind == "gradient" else (0, 0), blur=kind == "blur")


@dataclass(frozen=True)
class Case:
    """One edit there and back; the picture is its frame alone, so that 24 megapixels cost nothing."""

    plan: RegionPlan
    before: np.ndarray
    after: np.ndarray
    truth: np.ndarray
    """What a reply without drift would have given."""
    mask: np.ndarray
    came_back: np.ndarray
    """Which pixels of the frame the moved reply still shows."""
    done: Stitched
    drift: Drifting
    at_best: np.ndarray
    """What the same reply gives where the drift is known: resampling and softness take what nothing brings back."""

    @functools.cached_property
    def psnr(self) -> float:
        """Peak signal to noise inside the mask, dB."""
        return self._psnr(self.after)

    @functools.cached_property
    def best_psnr(self) -> float:
        """The same where the drift is known, dB."""
        return self._psnr(self.at_best)

    def _psnr(self, picture: np.ndarray) -> float:
        seen = (self.mask > 0) & self.came_back
        error = ((picture.astype(float) - self.truth)[seen] ** 2).mean()
        return 99.0 if error < 1e-6 else float(10 * np.log10(255**2 / error))

    @functools.cached_property
    def seam(self) -> float:
        """Gradient across the mask's edge against the gradient there in the source."""
        inside = self.mask > 0
        across = (inside[:, 1:] != inside[:, :-1]) & self.came_back[:, 1:] & self.came_back[:, :-1]
        down = (inside[1:] != inside[:-1]) & self.came_back[1:] & self.came_back[:-1]

        def gradient(picture: np.ndarray) -> float:
            picture = picture.astype(float)
            steps = (np.abs(np.diff(picture, axis=1)).mean(2)[across], np.abs(np.diff(picture, axis=0)).mean(2)[down])
            return float(np.concatenate(steps).mean()) if across.any() or down.any() else 0.0

        return (gradient(self.after) + 0.2) / (gradient(self.before) + 0.2)

    @functools.cached_property
    def shift_error(self) -> float:
        return float(np.hypot(*(found - true for found, true in zip(self.done.drift.shift, self.drift.shift, strict=True))))

    @functools.cached_property
    def scale_error(self) -> float:
        return max(abs(found - self.drift.scale) for found in self.done.drift.scale)


def there_and_back(size: tuple[int, int], kind: str, drift: str, *, takes: Takes, name: str, seed: int) -> Case:
    """Send a masked edit to the stand-in, and bring its reply back."""
    mask = mask_of(kind, size)
    plan = plan_region(size, mask, takes)
    white = mask.crop(plan.inside)
    before = tiled(name, *plan.inside)
    # The model paints something else in the middle of the mask, and what was there at its edge, where the seam is measured.
    middle = np.asarray(white.filter(ImageFilter.BoxBlur(12))) == 255
    edited = np.where(middle[:, :, None], 255 - before[:, ::-1], before)
    left, top, right, bottom = plan.frame
    room = ((plan.inside[1] - top, bottom - plan.inside[3]), (plan.inside[0] - left, right - plan.inside[2]), (0, 0))
    frame = np.pad(edited, room, mode="symmetric")
    moved = drifting(drift, plan.frame_size, np.random.default_rng(seed))
    moved = replace(moved, blur=moved.blur / plan.enlarged)  # of the picture's pixels, not of those that are enlarged
    other = PHOTOGRAPHS[(PHOTOGRAPHS.index(name) + 2) % len(PHOTOGRAPHS)]
    sent = tiled(other, 37, 11, 37 + plan.frame_size[0], 11 + plan.frame_size[1]) if drift == "background" else frame
    geometry = geometry_of(plan)
    weights = np.asarray(white if _is_soft(white) else inward(white.point([0] + [255] * 255), feather_of(plan.frame_size)))
    came = answer(sent, plan.reply, moved)
    done = stitch(before, came, np.asarray(white), weights, geometry)
    after = before.copy()
    after[done.edges[1] : done.edges[3], done.edges[0] : done.edges[2]] = done.pixels
    inside = tuple(
        origin + end for end in (0, 1) for origin, end in zip(geometry.origin, [end * side for side in geometry.size], strict=True)
    )
    pitch = [reply / frame for reply, frame in zip(plan.reply, plan.frame_size, strict=True)]
    part = tuple(edge * pitch[axis % 2] for axis, edge in enumerate(inside))

    def pasted(reply: np.ndarray, box: tuple[float, ...]) -> np.ndarray:
        return mixed(before, warped(reply, box, geometry.size)[0], weights, alpha=False)

    truth = pasted(answer(frame, plan.reply), part)
    known = Drifting(moved.shift, moved.scale, blur=moved.blur)
    if known == Drifting():
        at_best = truth
    else:
        reply = answer(frame, plan.reply, known)
        at_best = pasted(reply, Place(moved.shift, (moved.scale, moved.scale)).box(geometry, (0, 0, *geometry.size), reply))
    # What was cut off at white or black did not come back.
    shown, _ = warped(came, Place(moved.shift, (moved.scale, moved.scale)).box(geometry, (0, 0, *geometry.size), came), geometry.size)
    cut = (((shown >= 254) & (truth < 254)) | ((shown <= 1) & (truth > 1))).any(axis=2)
    seen = []
    for axis in (0, 1):
        there = geometry.origin[axis] + np.arange(geometry.size[axis]) + 0.5 - plan.frame_size[axis] / 2
        there = plan.frame_size[axis] / 2 + moved.scale * there + moved.shift[axis]
        seen.append((there > 2) & (there < plan.frame_size[axis] - 2))
    return Case(plan, before, after, truth, np.asarray(white), seen[1][:, None] & seen[0][None, :] & ~cut, done, moved, at_best)
