"""Showing a 4096 x 4096 picture: time beside decoding it once, bytes beside ``display(PIL.Image)``, memory over a hundred of them."""

from __future__ import annotations

import io
import subprocess
import sys

from benchmarks.measuring import Row, home_of_its_own, interleaved, seconds_row

SIDE = 4096
MEMORY = """
import gc, re
from pathlib import Path
import notebook_img as ni
from PIL import Image

def resident():
    gc.collect()
    return int(re.search(r"VmRSS:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1000

session = ni.session("many")
turns = list(session.turns)
session.turns[0].record
before = resident()
for turn in turns:
    assert turn.figure().html
print(len(turns), before, resident())
"""


def photograph(kind: str) -> bytes:
    """Return a 4096 x 4096 picture with the detail of an enlarged photograph."""
    from PIL import Image

    from notebook_img import pictures

    image = pictures.load("sample:astronaut").pil().convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, kind, **({"compress_level": 4} if kind == "PNG" else {"quality": 90}))
    return out.getvalue()


def rows(rounds: int = 5) -> list[Row]:
    """Measure time, bytes and memory."""
    from PIL import Image

    from notebook_img.pictures import Picture, previews

    found = []
    for kind in ("PNG", "JPEG"):
        data = photograph(kind)

        def ours(data: bytes = data) -> None:
            previews._cache = previews._Cache(previews.CACHE_BYTES)
            Picture(data)._repr_mimebundle_()

        def theirs(data: bytes = data) -> None:
            Image.open(io.BytesIO(data)).load()

        mine, decoding = interleaved(ours, theirs, rounds=rounds, warm=1)
        found.append(seconds_row(f"showing a {SIDE} x {SIDE} {kind}", mine, "decoding it once", decoding, 1.3))
    found.append(output_bytes(photograph("PNG")))
    if sys.platform.startswith("linux"):
        found.append(memory())
    return found


def output_bytes(data: bytes) -> Row:
    """Compare what the output adds to the notebook with what IPython makes of the Pillow image."""
    import json

    from IPython.core.formatters import DisplayFormatter
    from PIL import Image

    from notebook_img.pictures import Picture

    formatter = DisplayFormatter()
    small = len(json.dumps(formatter.format(Picture(data))[0]))
    image = Image.open(io.BytesIO(data))
    image.load()
    big = sum(len(value) * (4 / 3 if isinstance(value, bytes) else 1) for value in formatter.format(image)[0].values())
    return Row(
        f"notebook bytes of a {SIDE} x {SIDE} picture",
        "display(PIL.Image)",
        small / big,
        0.01,
        f"{small / 1000:.0f} kB",
        f"{big / 1e6:.1f} MB",
    )


def memory(count: int = 100) -> Row:
    """Measure resident memory of a process before and after it shows many 4K turns."""
    import hashlib
    import os
    import struct
    import time
    import zlib

    from notebook_img.records import PictureUse, TurnRecord
    from notebook_img.studio import Studio

    base = photograph("PNG")
    with home_of_its_own() as home:
        studio = Studio(home=home)
        session = studio.session("many")
        for number in range(count):
            chunk = b"caLl" + number.to_bytes(8, "big")
            data = base[:33] + struct.pack(">I", 8) + chunk + struct.pack(">I", zlib.crc32(chunk)) + base[33:]
            sha256 = hashlib.sha256(data).hexdigest()
            use = PictureUse(sha256, "output", "image/png", SIDE, SIDE, len(data))
            record = TurnRecord(session.id, 0, "generate", f"picture {number}", "local:shapes", pictures=(use,), started=time.time())
            studio.store.add_turn(record, {sha256: data}, move_head=True)
        studio.close()
        environ = {**os.environ, "NOTEBOOK_IMG_HOME": str(home)}
        ran = subprocess.run([sys.executable, "-c", MEMORY], env=environ, capture_output=True, text=True, check=True)
    shown, before, after = (float(word) for word in ran.stdout.split()[-3:])
    assert shown == count
    return Row(
        f"resident memory after showing {count} 4K turns", "before", after - before, 100, f"{after:.0f} MB", f"{before:.0f} MB", unit="MB"
    )
