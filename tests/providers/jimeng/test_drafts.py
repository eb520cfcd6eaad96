"""What a generation asks for: model, size, ratio, seed, strength and negative prompt as wished."""

from __future__ import annotations

import pytest

from notebook_img.errors import UnsupportedError
from notebook_img.providers.jimeng.models import KEYS, SIZES_2K, frame_for, service_key

GENERATE = {"seed": 2_500_000_001, "negative_prompt": "rain", "strength": 0}


async def test_a_generation_holds_what_was_asked_for(talk, drafts):
    reply = await talk("a fox ## here", model="jimeng-3.0", size="1K", aspect_ratio="3:4", **GENERATE)
    core = drafts()[0]["component_list"][0]["abilities"]["generate"]["core_param"]
    assert core["prompt"] == "a fox ## here"
    assert (core["model"], core["seed"], core["negative_prompt"]) == (KEYS["jimeng-3.0"], 2_500_000_001, "rain")
    assert core["sample_strength"] == 0
    assert core["image_ratio"] == 2
    assert {name: core["large_image_info"][name] for name in ("width", "height", "resolution_type")} == {
        "width": 864,
        "height": 1152,
        "resolution_type": "1k",
    }
    assert reply.seed == 2_500_000_001


async def test_a_seed_is_drawn_and_recorded_where_none_is_given(talk, drafts):
    reply = await talk()
    core = drafts()[0]["component_list"][0]["abilities"]["generate"]["core_param"]
    assert core["seed"] == reply.seed
    assert 2_500_000_000 <= reply.seed <= 2_600_000_000


async def test_the_same_wish_with_the_same_seed_gives_the_same_pictures(talk):
    assert (await talk(seed=1)).pictures == (await talk(seed=1)).pictures != (await talk(seed=2)).pictures


async def test_a_prompt_in_any_script_arrives(talk, drafts):
    await talk("一只狐狸 🦊 & ? # %20")
    assert drafts()[0]["component_list"][0]["abilities"]["generate"]["core_param"]["prompt"] == "一只狐狸 🦊 & ? # %20"


@pytest.mark.parametrize(
    "wish", [{"seed": -1}, {"seed": 2**32}, {"strength": 1.5}, {"aspect_ratio": "5:1"}, {"size": "8K"}, {"size": "100x100"}]
)
async def test_what_the_service_cannot_take_is_refused_before_anything_is_sent(jimeng, talk, wish):
    with pytest.raises(UnsupportedError):
        await talk(**wish)
    assert not jimeng.requests()


def frame(**wishes):
    found = frame_for("jimeng-4.5", **{"size": None, "aspect_ratio": None, "first_input": None, **wishes})
    return (found.width, found.height, found.ratio_code, found.resolution)


def test_sizes_follow_the_table():
    assert frame() == (2048, 2048, 1, "2k")
    assert frame(size="4K", aspect_ratio="16:9") == (5120, 2880, 103, "4k")
    assert frame(size="1k", aspect_ratio="21:9") == (1512, 648, 8, "1k")
    assert frame(size="1000x1500") == (1000, 1500, 6, "1k")
    assert frame(size="4000x4000") == (4000, 4000, 101, "4k")
    assert frame(first_input=(1600, 900)) == (2560, 1440, 3, "2k")


@pytest.mark.parametrize("shape", [(100, 100), (451, 300), (300, 451), (1000, 400), (77, 300), (1234, 567)])
@pytest.mark.parametrize("size", ["1K", "2K", "4K"])
def test_an_edits_frame_has_the_ratio_of_its_picture(shape, size):
    width, height, _, _ = frame(size=size, first_input=shape)
    assert abs(width / height / (shape[0] / shape[1]) - 1) < 0.02


def test_names_people_use_become_the_services_and_others_pass():
    assert service_key("JIMENG-4.5") == "high_aes_general_v40l"
    assert service_key("high_aes_general_v60") == "high_aes_general_v60"
    assert set(SIZES_2K) == {"1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "21:9"}
