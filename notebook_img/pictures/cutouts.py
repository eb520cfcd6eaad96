"""What a picture is of, told from its background: by a segmenter's weights, or by GrabCut and a refined edge where there are none.

OpenCV and rembg (the extra ``vision``) are imported when they are first used. Laying it on something else is the built-in engine's.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from notebook_img.errors import NotFoundError, PictureError, UsageError
from notebook_img.hints import Hint
from notebook_img.pictures import colours
from notebook_img.pictures.grabcut import told_apart

if TYPE_CHECKING:
    from PIL.Image import Image

    from notebook_img.pictures.picture import Picture

Segmenter = Callable[["Image"], "Image"]
"""Returns the opaque part of an RGB image, as grey."""
MODEL_VARIABLE = "NOTEBOOK_IMG_CUTOUT_MODEL"
"""Names a file with the weights of a segmenter (ONNX, as rembg's custom sessions take it)."""
WEIGHTS = ("u2net", "176 MB", "Apache-2.0")
"""The weights rembg fetches where none are named: name, size, licence (the project's release notes, read 2026-11-28)."""
_SIDE = 640
"""Longer side, pixels, of the copy GrabCut works on; the edge is refined on the picture itself."""
_MARGINS = (0.02, 0.06)
"""Shares of the sides taken for background to begin with. Two, since what depends on them is not sure."""
_EDGE = 1e-4
"""How little a channel must vary for the edge not to follow it (regularisation of the guided filter, of values 0 to 1)."""
_ALL_ALIKE = "Nothing in this picture stands out from its background enough to be cut out; draw a mask, or name a model."
UNSURE = 0.75
"""A sureness below this is said."""


@dataclass(frozen=True)
class CutAlpha:
    """The transparency of what was cut out.

    Attributes
    ----------
    alpha : Image
        Grey; 255 is kept.
    method : str
        In words, for a caption.
    sureness : float or None
        0 to 1, how far two attempts agree; None of weights, which do not say.
    notes : tuple of str
    """

    alpha: Image
    method: str
    sureness: float | None = None
    notes: tuple[str, ...] = ()


def cut_alpha(image: Image, *, model: str | Path | None = None, fetch_weights: bool = False) -> CutAlpha:
    """Find what an image is of, and return what of it is opaque when its background is cut away.

    Parameters
    ----------
    image : Image
        Upright, with its colour profile.
    model : str or Path, optional
        A file with weights; the one that the environment names if not given.
    fetch_weights : bool
        Let rembg fetch its weights, where no file is named. Size and licence (`WEIGHTS`) are to be said first.

    Raises
    ------
    UsageError
        When neither OpenCV nor rembg is installed, or nothing can be told from the background.
    NotFoundError
        When there is no file with weights of that name.
    PictureError
        When the weights cannot be used.
    """
    named = model or os.environ.get(MODEL_VARIABLE)
    seen = colours.to_srgb(image).convert("RGB")
    if named or fetch_weights:
        return CutAlpha(_segmenter(Path(named).expanduser() if named else None)(seen), "cut out by a segmenter")
    alpha, sureness = _by_grabcut(seen)
    notes = (f"the edge is uncertain ({sureness:.0%} sure)",) if sureness < UNSURE else ()
    return CutAlpha(Pillow.fromarray(alpha), f"cut out by GrabCut, {sureness:.0%} sure", sureness, notes)


def painted_chequerboard(picture: Picture) -> float:
    """Return the share of a picture, 0 to 1, that is a chequerboard painted for transparency; models that have none paint one.

    0 for anything else: two light greys that take turns in squares of one size, both ways, over a twentieth of the picture or more.
    """
    image = picture.pil(at_least=1024)
    if image.mode in {"LA", "RGBA"} and image.getchannel("A").getextrema()[0] < 255:  # type: ignore[operator]
        return 0.0
    pixels = np.asarray(colours.to_srgb(image).convert("RGB")).astype(np.int16)
    light = pixels.mean(axis=2)
    neutral = (pixels.max(axis=2) - pixels.min(axis=2) <= 14) & (light >= 110)
    if neutral.mean() < 0.05:
        return 0.0
    counts = np.bincount(light[neutral].astype(np.int64), minlength=256).astype(float)
    counts = np.convolve(counts, np.ones(7), mode="same")
    first = int(counts.argmax())
    counts[max(0, first - 9) : first + 10] = 0
    second = int(counts.argmax())
    near = [neutral & (np.abs(light - level) <= 8) for level in (first, second)]
    if min(part.mean() for part in near) < 0.02:
        return 0.0
    return max(_taking_turns(near[0], near[0] | near[1], side) for side in range(4, min(65, min(light.shape) // 3)))


def _taking_turns(one: NDArray[np.bool_], either: NDArray[np.bool_], side: int) -> float:
    """Return the share of pixels whose neighbours, one square and two squares away, are of the other level and of the same."""
    found = 0.0
    for axis in (0, 1):
        count = one.shape[axis] - 2 * side
        here, next_, after = (np.take(one, range(start, start + count), axis) for start in (0, side, 2 * side))
        known = [np.take(either, range(start, start + count), axis) for start in (0, side, 2 * side)]
        whole = known[0] & known[1] & known[2]
        # Against both: a white wall is the same everywhere, stripes take turns one way alone.
        if whole.mean() < 0.05 or ((here != next_) & (here == after))[whole].mean() < 0.85:
            return 0.0
        found = max(found, float(whole.mean()))
    return found


def segmenter_at_hand() -> Segmenter | None:
    """Return what tells a thing from its background by weights that lie on this machine; None where there are none that can be used.

    These are the weights the environment names, else those rembg has fetched before. Nothing is fetched.
    """
    named = os.environ.get(MODEL_VARIABLE)
    if not named and not _are_fetched():
        return None
    try:
        return _segmenter(Path(named).expanduser() if named else None)
    except (NotFoundError, PictureError, UsageError):
        return None


def _are_fetched() -> bool:
    """Return whether rembg has its weights already, by where it looks (2.0.86, `BaseSession.resolve_existing`), without importing it."""
    known = os.environ.get
    data, own, name = known("XDG_DATA_HOME"), known("U2NET_HOME"), f"{WEIGHTS[0]}.onnx"
    roots = [own] if own else [known("REMBG_HOME") or (f"{data}/rembg" if data else "~/.rembg"), f"{data or '~'}/.u2net"]
    return any((Path(root).expanduser() / place).is_file() for root in roots for place in (f"models/{WEIGHTS[0]}/{name}", name))


def _segmenter(path: Path | None) -> Segmenter:
    """Load weights, and return the segmenter that works by them."""
    rembg = _imported("rembg")
    if path is not None and not path.is_file():
        raise NotFoundError(f"There is no file {path} with weights to cut out by. Correct {MODEL_VARIABLE}, or unset it.")

    def usable(step: Callable[[], Any]) -> Any:
        try:
            return step()
        except Exception as error:  # whatever a foreign model raises: onnxruntime has a family of its own, and others come through
            raise PictureError(f"The weights {path or WEIGHTS[0]} cannot be used to cut out: {str(error)[:200]}") from error

    session = usable(lambda: _session(path) if path else rembg.new_session(WEIGHTS[0]))
    return lambda image: usable(lambda: rembg.remove(image, session=session, only_mask=True).convert("L"))


def _session(path: Path) -> Any:
    """Return rembg's custom session of a file; its own factory takes files from its folder alone (2.0.86)."""
    custom, runtime = _imported("rembg.sessions.u2net_custom", "rembg"), _imported("onnxruntime")

    class Named(custom.U2netCustomSession):  # type: ignore[misc, name-defined]
        @classmethod
        def download_models(cls, *_args: Any, **_options: Any) -> str:
            return str(path)

    return Named("u2net_custom", runtime.SessionOptions(), model_path=str(path))


def _by_grabcut(image: Image) -> tuple[NDArray[np.uint8], float]:
    """Cut out by colour models of inside and outside (Rother and others 2004), and refine the edge by the picture itself."""
    cv2 = _imported("cv2", "opencv-python-headless")
    small = image.copy()
    small.thumbnail((_SIDE, _SIDE), Pillow.Resampling.BOX)
    pixels = np.ascontiguousarray(np.asarray(small)[:, :, ::-1])
    try:
        found = [_grabbed(cv2, pixels, margin) for margin in _MARGINS]
    except cv2.error as error:  # a picture with too few pixels or colours for two kinds of them
        raise UsageError(_ALL_ALIKE) from error
    together, either = (found[0] & found[1]).sum(), (found[0] | found[1]).sum()
    share = found[0].mean()
    if not 0.002 < share < 0.98:
        raise UsageError(_ALL_ALIKE)
    return _refined(cv2, image, found[0]), float(together / max(1, either))


def _grabbed(cv2: Any, pixels: NDArray[np.uint8], margin: float) -> NDArray[np.bool_]:
    height, width = pixels.shape[:2]
    across, down = max(1, round(width * margin)), max(1, round(height * margin))
    labels = np.full((height, width), cv2.GC_BGD, np.uint8)
    labels[down : max(down + 1, height - down), across : max(across + 1, width - across)] = cv2.GC_PR_FGD
    return told_apart(cv2, pixels, labels) > 0


def _refined(cv2: Any, image: Image, inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the transparency of a picture: a rough cut led along its edges (guided filter, He and others 2013, its fast form)."""
    guide = np.asarray(image.convert("L").resize((inside.shape[1], inside.shape[0]), Pillow.Resampling.BOX), dtype=np.float32) / 255
    rough = inside.astype(np.float32)
    size = (2 * max(2, min(inside.shape) // 120) + 1,) * 2
    mean = {name: cv2.blur(part, size) for name, part in {"i": guide, "p": rough, "ip": guide * rough, "ii": guide * guide}.items()}
    slope = (mean["ip"] - mean["i"] * mean["p"]) / (mean["ii"] - mean["i"] ** 2 + _EDGE)
    offset = mean["p"] - slope * mean["i"]
    slope, offset = (cv2.resize(cv2.blur(part, size), image.size, interpolation=cv2.INTER_LINEAR) for part in (slope, offset))
    alpha = slope * (np.asarray(image.convert("L"), dtype=np.float32) / 255) + offset
    # Away from the edge the rough cut is right: texture inside is no hole.
    reach = np.ones((2 * size[0] + 1,) * 2, np.uint8)
    core, around = (step(inside.astype(np.uint8), reach) for step in (cv2.erode, cv2.dilate))
    core, around = (cv2.resize(part, image.size, interpolation=cv2.INTER_NEAREST) > 0 for part in (core, around))
    alpha = np.clip((alpha - 0.1) / 0.8, 0, 1)
    return np.asarray(np.where(core, 255, np.where(around, alpha * 255, 0)), dtype=np.uint8)


def _imported(module: str, package: str = "") -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"Cutting out needs {package or module}, which is not installed.", hint=Hint("install", package="'notebook-img[vision]'")
        ) from error
