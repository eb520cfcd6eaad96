"""Operations of the built-in engine that look at many neighbours, on a picture of 24 megapixels: processor time of all cores together."""

from __future__ import annotations

from benchmarks.measuring import Row, duration, processor_seconds

SIZE = (6000, 4000)
REACH = 1.5
"""Seconds."""
LINES = ("pencil sketch", "coloured pencil sketch", "denoise")


def rows() -> list[Row]:
    """Measure each on the pixels alone: reading and writing files are `showing`'s."""
    from notebook_img.pictures import load
    from notebook_img.providers.local.pixels import detail
    from notebook_img.providers.local.pixels.context import Context

    image = load("sample:coffee").pil().resize(SIZE)
    ways = (
        lambda: detail.sketch(image, {"amount": 100.0, "tone": "grey"}, Context()),
        lambda: detail.sketch(image, {"amount": 100.0, "tone": "colour"}, Context()),
        lambda: detail.denoise(image, {"amount": 50.0}, Context()),
    )
    return [
        Row(f"{line} of 24 megapixels, processor time", "a second and a half", seconds / REACH, 1.0, duration(seconds), duration(REACH))
        for line, seconds in zip(LINES, map(processor_seconds, ways), strict=True)
    ]
