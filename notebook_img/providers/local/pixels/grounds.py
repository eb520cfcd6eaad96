"""Backgrounds of scenes: plain, gradients, patterns, noise, and landscapes from layered curves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from notebook_img.providers.local.colours import Rgb, to_rgb
from notebook_img.providers.local.pixels.detail import Pixels, to_image
from notebook_img.providers.local.pixels.night import draw_moon, draw_stars

if TYPE_CHECKING:
    from notebook_img.providers.local.scene import Background

PAPER = "#f4f1e8"

SKIES: dict[str, tuple[str, ...]] = {
    "day": ("#3f87d0", "#86bce8", "#dceefa"),
    "sunset": ("#2b2a5c", "#8a3f78", "#e8705a", "#fbb75c", "#ffe09a"),
    "night": ("#04071a", "#0b1437", "#1d2c5c"),
}
GROUNDS: dict[str, tuple[str, str]] = {
    "day": ("#9dbf8a", "#2f6b3a"),
    "sunset": ("#a35a6a", "#1d1430"),
    "night": ("#1a2748", "#03050f"),
}
"""Colours of the farthest and the nearest range."""


def ramp(colours: list[Rgb], share: Pixels) -> Pixels:
    """Return colours along a gradient, mixed in linear light so that the middle is not muddy."""
    stops = (np.array(colours, dtype=np.float64) / 255) ** 2.2
    at = np.linspace(0, 1, len(colours))
    mixed = np.stack([np.interp(share, at, stops[:, channel]) for channel in range(3)], axis=-1)
    return np.asarray(mixed ** (1 / 2.2), dtype=np.float32)


def _dithered(pixels: Pixels, seed: int) -> Image.Image:
    # Half a level of noise: gradients of 8 bits show bands on large screens otherwise.
    noise = np.random.default_rng(seed).random(pixels.shape[:2], dtype=np.float32)[..., None] - np.float32(0.5)
    return to_image(pixels + noise / np.float32(255))


def gradient(size: tuple[int, int], colours: list[Rgb], direction: str, seed: int) -> Image.Image:
    """Return a linear or radial gradient."""
    width, height = size
    x = (np.arange(width, dtype=np.float32) + 0.5) / width
    y = (np.arange(height, dtype=np.float32) + 0.5) / height
    if direction == "radial":
        share = np.hypot((x[None, :] - 0.5) * width, (y[:, None] - 0.5) * height) / (math.hypot(width, height) / 2)
    elif direction == "horizontal":
        share = np.broadcast_to(x[None, :], (height, width))
    elif direction == "diagonal":
        share = (x[None, :] + y[:, None]) / 2
    else:
        share = np.broadcast_to(y[:, None], (height, width))
    table = ramp(colours, np.linspace(0, 1, 4096, dtype=np.float32))
    return _dithered(table[np.clip(share * 4095, 0, 4095).astype(np.int32)], seed)


def smooth_noise(size: tuple[int, int], seed: int, cells: float = 4.0) -> Pixels:
    """Return fractal noise 0 to 1: octaves of random values, enlarged smoothly."""
    random = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0]), dtype=np.float32)
    weight = 1.0
    for octave in range(5):
        columns = max(2, round(cells * 2**octave))
        rows = max(2, round(columns * size[1] / size[0]))
        grid = Image.fromarray(random.random((rows + 3, columns + 3), dtype=np.float32))
        total += np.asarray(grid.resize(size, Image.Resampling.BICUBIC, box=(1, 1, columns + 1, rows + 1))) * np.float32(weight)
        weight *= 0.5
    total -= total.min()
    total /= max(float(total.max()), 1e-6)
    return total


def paint_ground(background: Background, size: tuple[int, int], seed: int, *, stars: bool = False) -> Image.Image:
    """Return the background of a scene."""
    colours = [to_rgb(colour) for colour in background.colours]
    width, height = size
    cells = background.cells or 8
    if background.kind == "landscape":
        return _landscape(background, size, seed, stars=stars)
    if background.kind == "gradient":
        pair = colours if len(colours) > 1 else [*colours, _partner(colours[0])] if colours else [to_rgb("#f6b26b"), to_rgb("#3d3a8c")]
        return gradient(size, pair, background.direction, seed)
    if background.kind == "noise":
        random = np.random.default_rng(seed)
        if colours:
            share = random.random((height, width), dtype=np.float32)
            return to_image(ramp(colours if len(colours) > 1 else [(0, 0, 0), *colours], share))
        return Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))
    if background.kind == "clouds":
        pair = colours if len(colours) > 1 else [*(colours or [to_rgb("#4a78b0")]), (255, 255, 255)]
        noise = smooth_noise(size, seed, 4)
        return to_image(ramp(pair, noise * noise * (3 - 2 * noise)))
    first, second = _two(colours, background.kind)
    if background.kind == "checkerboard":
        step = max(1.0, max(size) / cells)
        x, y = (np.arange(width) / step).astype(int), (np.arange(height) / step).astype(int)
        odd = (x[None, :] + y[:, None]) % 2 == 1
        return Image.fromarray(np.where(odd[..., None], np.array(second, dtype=np.uint8), np.array(first, dtype=np.uint8)))
    if background.kind == "stripes":
        return _stripes(size, colours if len(colours) > 1 else [first, second], background.direction, background.cells or 12)
    canvas = Image.new("RGB", size, first if background.kind in {"dots", "grid"} else colours[0] if colours else to_rgb(PAPER))
    if background.kind in {"dots", "grid"}:
        draw = ImageDraw.Draw(canvas)
        step = max(size) / (cells * 1.5 if background.kind == "dots" else cells * 2)
        if background.kind == "grid":
            for index in range(math.ceil(max(size) / step) + 1):
                thick = max(1, round(step / 30))
                draw.line([(index * step, 0), (index * step, height)], fill=second, width=thick)
                draw.line([(0, index * step), (width, index * step)], fill=second, width=thick)
        else:
            for row in range(math.ceil(height / step) + 2):
                for column in range(math.ceil(width / step) + 2):
                    x0, y0 = (column + (row % 2) / 2) * step - step / 2, row * step
                    radius = step * 0.24
                    draw.ellipse((x0 - radius, y0 - radius, x0 + radius, y0 + radius), fill=second)
    return canvas


def _partner(colour: Rgb) -> Rgb:
    """Return a lighter or darker relative of a colour, as the other end of a gradient."""
    light = sum(colour) > 380
    return tuple(round(value * 0.35) if light else round(value + (255 - value) * 0.75) for value in colour)  # type: ignore[return-value]


def _two(colours: list[Rgb], kind: str) -> tuple[Rgb, Rgb]:
    if len(colours) > 1:
        # "white polka dots on navy": what stands on it is named first.
        return (colours[1], colours[0]) if kind in {"dots", "grid"} else (colours[0], colours[1])
    if colours:
        light = sum(colours[0]) > 620
        return ((30, 34, 48), colours[0]) if light and kind == "dots" else (colours[0], (26, 26, 30) if light else (255, 255, 255))
    return {"checkerboard": ((255, 255, 255), (20, 20, 22)), "grid": ((252, 252, 250), (150, 185, 215))}.get(
        kind, (to_rgb("#f7efe2"), to_rgb("#d4674c"))
    )


def _stripes(size: tuple[int, int], colours: list[Rgb], direction: str, bands: int) -> Image.Image:
    over = 2
    width, height = size[0] * over, size[1] * over
    step = max(1.0, max(width, height) / bands)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    along = y[:, None] + 0 * x[None, :] if direction == "horizontal" else 0 * y[:, None] + x[None, :]
    if direction == "diagonal":
        along = (x[None, :] + y[:, None]) / np.float32(math.sqrt(2))
    index = (along / step).astype(np.int32) % len(colours)
    return Image.fromarray(np.array(colours, dtype=np.uint8)[index]).resize(size, Image.Resampling.BOX)


def _landscape(background: Background, size: tuple[int, int], seed: int, *, stars: bool) -> Image.Image:
    width, height = size
    time, lands = background.time or "day", background.lands
    random = np.random.default_rng(seed)
    horizon = 0.62 if lands else 1.0
    sky = [to_rgb(colour) for colour in SKIES[time]]
    tall = gradient((width, max(1, round(height * horizon))), sky, "vertical", seed)
    canvas = Image.new("RGB", size, sky[-1])
    canvas.paste(tall, (0, 0))
    short = min(size)
    sun = (width * (0.34 + 0.32 * float(random.random())), height * horizon * 0.84)
    if time == "sunset":
        light = np.hypot(np.arange(width)[None, :] - sun[0], (np.arange(height)[:, None] - sun[1]) * 1.25) / short
        pixels = np.asarray(canvas, dtype=np.float32) / 255
        shine = np.clip(0.75 * np.exp(-light * 5.5) + 0.25 * np.exp(-light * 2), 0, 1)[..., None].astype(np.float32)
        canvas = to_image(1 - (1 - pixels) * (1 - shine * np.array([1.0, 0.78, 0.42], dtype=np.float32)))
        disc = Image.new("L", (width, height), 0)
        radius = short * 0.075
        ImageDraw.Draw(disc).ellipse((sun[0] - radius, sun[1] - radius, sun[0] + radius, sun[1] + radius), fill=255)
        canvas.paste((255, 246, 214), (0, 0), disc.filter(ImageFilter.GaussianBlur(short / 700 + 0.5)))
    if time == "night" and (stars or not lands):
        canvas = draw_stars(canvas, 700, seed)
    if time == "day":
        canvas = _clouded(canvas, round(height * horizon), seed)
    far, near = (np.array(to_rgb(colour), dtype=np.float64) for colour in GROUNDS[time])
    if "sea" in lands:
        canvas = _sea(canvas, round(height * horizon), random, time)
    ranges = (["mountains"] * 3 if "mountains" in lands else []) + (["hills"] * 4 if "hills" in lands else [])
    for index, kind in enumerate(ranges):
        share = index / max(1, len(ranges) - 1)
        base = height * (0.56 + 0.38 * share if len(ranges) > 1 else 0.7)
        line = _ridge(width, random, kind) * height * (0.22 if kind == "mountains" else 0.085) * (1 - 0.35 * share)
        colour = tuple(round(value) for value in far + (near - far) * share**0.9)
        canvas = _filled(canvas, base - line, colour)
    return canvas


def _ridge(width: int, random: np.random.Generator, kind: str) -> Pixels:
    x = np.linspace(0, 1, width)
    line = np.zeros(width)
    octaves = 9 if kind == "mountains" else 3
    for octave in range(octaves):
        frequency, phase = 1.1 * 1.9**octave, float(random.random()) * 2 * math.pi
        wave = np.sin(2 * math.pi * frequency * x + phase)
        line += (1 - 2 * np.abs(wave) if kind == "mountains" else wave) * (0.56 if kind == "mountains" else 0.42) ** octave
    return np.asarray(line / 1.6, dtype=np.float32)


def _filled(canvas: Image.Image, line: Pixels, colour: Rgb) -> Image.Image:
    rows = np.arange(canvas.height, dtype=np.float32)[:, None]
    # The share of each pixel below the line, which is its anti-aliasing.
    cover = np.clip(rows - line[None, :] + 0.5, 0, 1)
    depth = np.clip((rows - float(line.min())) / canvas.height, 0, 0.4) + np.zeros_like(line)[None, :]
    pixels = np.asarray(canvas, dtype=np.float32) / 255
    ground = np.array(colour, dtype=np.float32) / 255 * (1 - 0.9 * depth)[..., None]
    return to_image(pixels * (1 - cover[..., None]) + ground * cover[..., None])


def _clouded(canvas: Image.Image, horizon: int, seed: int) -> Image.Image:
    noise = smooth_noise((canvas.width, max(2, horizon)), seed + 1, 2.5)
    rows = np.linspace(0, 1, noise.shape[0], dtype=np.float32)[:, None]
    mask = np.clip((noise - 0.56) * 3.2, 0, 1) * (0.35 + 0.6 * rows)
    full = np.zeros((canvas.height, canvas.width), dtype=np.float32)
    full[: mask.shape[0]] = mask
    return Image.composite(Image.new("RGB", canvas.size, (255, 255, 255)), canvas, to_image(full))


def _sea(canvas: Image.Image, horizon: int, random: np.random.Generator, time: str) -> Image.Image:
    width, height = canvas.size
    if horizon >= height:
        return canvas
    tone = {"day": (22, 92, 140), "sunset": (54, 40, 84), "night": (5, 10, 30)}[time]
    mirrored = (
        canvas.crop((0, max(0, 2 * horizon - height), width, horizon))
        .transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        .resize((width, height - horizon))
    )
    rows = height - horizon
    mirrored = mirrored.filter(ImageFilter.GaussianBlur(min(canvas.size) / 180))
    pixels = np.asarray(mirrored, dtype=np.float32) / 255
    wave = np.asarray(
        Image.fromarray(random.random((max(4, rows // 3), max(4, width // 40)), dtype=np.float32)).resize(
            (width, rows), Image.Resampling.BICUBIC
        )
    )
    down = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    mixed = pixels * (0.62 - 0.3 * down)[..., None] + (np.array(tone, dtype=np.float32) / 255) * (0.38 + 0.3 * down)[..., None]
    mixed *= (1 + (wave - 0.5) * (0.15 + 0.5 * down))[..., None]
    result = canvas.copy()
    result.paste(to_image(mixed), (0, horizon))
    return result


__all__ = ["draw_moon", "gradient", "paint_ground", "ramp", "smooth_noise"]
