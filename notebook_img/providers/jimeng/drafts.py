"""Drafts: the nested form in which the site submits a wish. Pure functions; every node has an id of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img.providers.jimeng.protocol import PROTOCOL, STRENGTH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from notebook_img.providers.jimeng.models import Frame


@dataclass(frozen=True)
class Uploaded:
    """A reference picture as the service knows it; it belongs to the login that uploaded it."""

    uri: str
    width: int
    height: int
    format: str


@dataclass(frozen=True)
class Wish:
    """What is asked of the service, in its own terms."""

    model: str
    """The service's name of the model."""
    prompt: str
    frame: Frame
    seed: int
    negative_prompt: str = ""
    strength: float | None = None
    """0 to 1; 0 is legal. None takes the site's default."""


def submission(
    wish: Wish, references: Sequence[Uploaded], *, submit_id: str, web_id: str, at: float, new_id: Callable[[], str]
) -> tuple[dict[str, str], dict[str, Any]]:
    """Return query and body of the submit call.

    Parameters
    ----------
    at : float
        Now, seconds since the epoch.
    new_id : callable
        Makes the uuid of each node.
    """
    blend = bool(references)
    about = {
        "scenario": "image_video_generation",
        "feature_key": "to_image_referenceimage_generate" if blend else "aigc_to_image",
        "feature_entrance": "to_image",
        "feature_entrance_detail": "to_image-referenceimage-byte_edit" if blend else f"to_image-{wish.model}",
    }
    query = {
        "babi_param": _compact(about),
        "aid": PROTOCOL.app_id,
        "device_platform": "web",
        "region": PROTOCOL.region,
        "web_id": web_id,
    }
    body: dict[str, Any] = {
        "extend": {"root_model": wish.model, "template_id": ""},
        "submit_id": submit_id,
        "draft_content": _compact(draft(wish, references, at=at, new_id=new_id)),
    }
    if not blend:
        body["metrics_extra"] = _compact({"promptSource": "custom", "generateCount": 1, "generateId": submit_id, "isRegenerate": False})
    return query, body


def draft(wish: Wish, references: Sequence[Uploaded], *, at: float, new_id: Callable[[], str]) -> dict[str, Any]:
    """Return the draft of one wish: ``generate`` from words, ``blend`` with reference pictures."""

    def node(**content: Any) -> dict[str, Any]:
        return {"type": "", "id": new_id(), **content}

    kind = "blend" if references else "generate"
    version = PROTOCOL.blend_version if references else PROTOCOL.draft_version
    least = PROTOCOL.blend_min_version if references else PROTOCOL.draft_min_version
    strength = STRENGTH if wish.strength is None else wish.strength
    prompt = wish.prompt
    if references:
        # One ## per picture stands where the site shows it; one in the user's own text would be taken for another picture.
        prompt = "##" * len(references) + prompt.replace("##", "# #")
    core = node(
        model=wish.model,
        prompt=prompt,
        negative_prompt=wish.negative_prompt,
        seed=wish.seed,
        sample_strength=strength,
        image_ratio=wish.frame.ratio_code,
        large_image_info=node(height=wish.frame.height, width=wish.frame.width, resolution_type=wish.frame.resolution),
    )
    ability = node(core_param=core, history_option=node())
    if references:
        ability |= {
            "ability_list": [
                node(name="byte_edit", image_uri_list=[one.uri], image_list=[_image(one, node)], strength=strength) for one in references
            ],
            "prompt_placeholder_info_list": [node(ability_index=index) for index in range(len(references))],
            "postedit_param": node(generate_type=0),
            "min_features": [],
        }
    component_id = new_id()
    return {
        "type": "draft",
        "id": new_id(),
        "min_version": least,
        "min_features": [],
        "is_from_tsn": True,
        "version": version,
        "main_component_id": component_id,
        "component_list": [
            {
                "type": "image_base_component",
                "id": component_id,
                "min_version": least,
                "metadata": node(created_platform=3, created_platform_version="", created_time_in_ms=str(int(at * 1000)), created_did=""),
                "generate_type": kind,
                "aigc_mode": "workbench",
                "abilities": node(**{kind: ability}),
            }
        ],
    }


def _image(one: Uploaded, node: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return node(
        source_from="upload",
        platform_type=1,
        name="",
        image_uri=one.uri,
        uri=one.uri,
        width=one.width,
        height=one.height,
        format=one.format,
    ) | {"type": "image"}


def _compact(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
