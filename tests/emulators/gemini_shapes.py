"""What the emulated Gemini API knows: models, field names, frames. Written from Google's documentation, not from our adapter."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from tests.emulators.serving import Rejected

TEN = ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]
FOURTEEN = [*TEN, "1:8", "8:1", "1:4", "4:1"]
INLINE_LIMIT = 100_000_000
"""Bytes of one request, since 2026-01-08."""
PICTURE_TOKENS = {"512": 747, "1K": 1120, "2K": 1680, "4K": 3780}
SIZES = ["512", "1K", "2K", "4K"]
BLOBS = ["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif", "image/gif", "image/bmp", "image/tiff"]

MODELS: dict[str, dict[str, Any]] = {
    "gemini-nano-banana-2.1": {"sizes": ["1K", "2K", "4K"], "ratios": FOURTEEN, "pictures": 14, "signs": True},
    "gemini-3.1-flash-image": {"sizes": SIZES, "ratios": FOURTEEN, "pictures": 14, "signs": True},
    "gemini-3.1-flash-lite-image": {"sizes": ["1K"], "ratios": TEN, "pictures": 14, "signs": True},
    "gemini-3-pro-image": {"sizes": ["1K", "2K", "4K"], "ratios": TEN, "pictures": 14, "signs": True},
    "gemini-2.5-flash-image": {"sizes": ["1K"], "ratios": TEN, "pictures": 14, "signs": False},
    "gemini-3.8-flash": {"sizes": [], "ratios": [], "pictures": 3600, "signs": False},
    "gemini-4-argon": {"sizes": [], "ratios": [], "pictures": 3600, "signs": False},
    "gemini-secret-preview": {"sizes": SIZES, "ratios": FOURTEEN, "pictures": 14, "signs": True},
}

REQUEST = {"contents", "generationConfig", "systemInstruction", "safetySettings", "tools", "toolConfig", "cachedContent", "store"}
CONFIG = {
    "responseModalities",
    "imageConfig",
    "thinkingConfig",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "temperature",
    "topP",
    "topK",
    "maxOutputTokens",
    "stopSequences",
    "seed",
    "candidateCount",
    "mediaResolution",
}
IMAGE = {"aspectRatio", "imageSize"}
CONTENT = {"role", "parts"}
PART = {"text", "inlineData", "inline_data", "thought", "thoughtSignature", "thought_signature"}
BLOB = {"data", "mimeType", "mime_type"}
INTERACTION = {
    "model",
    "input",
    "previous_interaction_id",
    "response_format",
    "response_modalities",
    "store",
    "generation_config",
    "system_instruction",
}


def check_fields(body: Any, *, cloud: bool = False) -> None:
    """Rejected 400, in the service's words, for any field it does not know; Google Cloud knows labels."""
    _known(body, (REQUEST - {"store"}) | {"labels"} if cloud else REQUEST, "")
    for position, content in enumerate(body.get("contents", [])):
        _known(content, CONTENT, f"contents[{position}]")
        for at, part in enumerate(content.get("parts") or []):
            _known(part, PART, f"contents[{position}].parts[{at}]")
            blob = part.get("inlineData") or part.get("inline_data")
            if blob is not None:
                _known(blob, BLOB, f"contents[{position}].parts[{at}].inline_data")
    config = body.get("generationConfig", {})
    _known(config, CONFIG, "generation_config")
    _known(config.get("imageConfig", {}), IMAGE, "generation_config.image_config")


def _known(value: Any, names: set[str], where: str) -> None:
    if not isinstance(value, dict):
        raise Rejected(400, f"Invalid value at '{where}'.")
    for name in value:
        if name not in names:
            raise Rejected(400, f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field.")


def frame_of(ratio: str | None, size: str, pictures: tuple[bytes, ...]) -> tuple[int, int]:
    """Width and height the service paints: the wished ratio, else the last picture's, else square; about `size` squared pixels."""
    side = 512 if size == "512" else 1024 * int(size[:-1])
    if ratio:
        wide, high = (int(number) for number in ratio.split(":"))
    elif pictures:
        with Image.open(io.BytesIO(pictures[-1])) as last:
            wide, high = last.size
    else:
        wide = high = 1
    factor = (wide / high) ** 0.5
    return max(1, round(side * factor)), max(1, round(side / factor))


def example(schema: dict[str, Any]) -> Any:
    """The plainest value that fits a JSON schema."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    match str(kind[0] if isinstance(kind, list) else kind).lower():
        case "object":
            return {name: example(part) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [example(schema.get("items", {}))]
        case "integer" | "number":
            return 7
        case "boolean":
            return True
        case _:
            return "seven"
