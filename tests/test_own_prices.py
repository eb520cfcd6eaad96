"""Prices, limits and bans of one's own, prices that are unknown, models that end: against the emulated service."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import notebook_img as ni
from notebook_img import providers
from notebook_img.calls.call import make_call
from notebook_img.calls.results import Plan
from notebook_img.cli import main
from notebook_img.errors import ModelNotFoundError, UnsupportedError
from notebook_img.pictures import Picture
from notebook_img.providers.catalog import model_rows
from notebook_img.providers.interface import Reply, Request, Usage
from notebook_img.providers.own_models import own_models
from notebook_img.providers.pricing import Made, cost_of
from notebook_img.records import Origin
from notebook_img.replay.cells import Kernel
from notebook_img.settings import Settings
from tests.gemini_service import environ, new_studio, service
from tests.pictures.making import file

__all__ = ["environ", "new_studio", "service"]

KEY = "AIza-price-key-0123456789-ab"
PAINTER = "gemini:gemini-nano-banana-2.1"


@pytest.fixture
def service_key() -> str:
    return KEY


@pytest.fixture
def write(home: Path) -> Callable[[str], Path]:
    """Write the file of the home."""

    def written(text: str) -> Path:
        home.mkdir(parents=True, exist_ok=True)
        (home / "endpoints.toml").write_text(text, encoding="utf-8")
        return home / "endpoints.toml"

    return written


def plan(studio: ni.Studio, **options: Any) -> Plan:
    made = studio.run(studio.session("fox"), make_call("generate", "a fox", None, {"dry_run": True, **options}))
    assert isinstance(made, Plan)
    return made


def test_a_price_of_ones_own_comes_before_the_table_in_estimates_costs_and_lists(new_studio, write):
    path = write(f'[models."{PAINTER}"]\nper_picture = {{ "1K" = 0.50, "*" = 0.75 }}\n')
    studio = new_studio()
    assert (plan(studio).estimate, plan(studio, size="4K", n=2).estimate) == (0.50, 1.50)
    assert studio.session("fox").generate("a fox").cost == 0.50
    assert studio.store.spend_rows()[0].cost == 0.50
    row = next(row for row in studio.models() if row["name"] == PAINTER)
    assert (row["price"], row["price_source"]) == ("$0.50 to $0.75", str(path))


def test_a_price_of_ones_own_counts_size_pictures_that_go_along_and_pixels(new_studio, write):
    photo = file(Image.new("L", (64, 64)))
    for price, dollars in (
        ('per_picture = { "1K" = 0.02, "*" = 0.05 }\nper_reference = 0.005', 0.03),
        ("by_pixels = [[1048576, 0.03], [16777216, 0.06]]", 0.03),
    ):
        write(f'[models."{PAINTER}"]\n{price}\n')
        turn = new_studio().session("fox").edit("warmer", photo, references=[photo], size="1K", model=PAINTER)
        assert turn.cost == pytest.approx(dollars), price


def test_a_rate_that_is_left_out_stays_that_of_the_table(write, environ):
    write('[models."openai:gpt-image-2.6-sunburst"]\nimage_out = 24.0\nsince = 2026-11-01\n')
    settings, day = Settings(environ), "2026-11-28"
    info = providers.model_info(providers.get("openai", settings), "gpt-image-2.6-sunburst", settings, day)
    used = Usage(by_modality={"input_text": 1000, "input_image": 6000, "output_image": 6000})
    assert cost_of(used, info, Made(1), day=day) == pytest.approx((1000 * 5 + 6000 * 8 + 6000 * 24) / 1e6)
    assert info.price == providers.own_fields(providers.get("openai", settings), "gpt-image-2.6-sunburst", settings, day)["price"]
    assert (info.price.since, info.price.source) == ("2026-11-01", str(settings.home / "endpoints.toml"))


def test_a_model_one_says_is_free_costs_nothing_and_a_price_may_be_dotted_or_begin_with_a_mark(new_studio, write):
    write(f'\ufeffmodels."{PAINTER}".per_picture = 0\n')
    studio = new_studio(budget=0.0)
    assert plan(studio).estimate == 0.0
    assert studio.session("fox").generate("a fox").cost == 0.0


def test_a_price_of_ones_own_holds_in_its_days_only(write, environ):
    write(f'[models."{PAINTER}"]\nper_picture = 0.5\nsince = 2027-01-01\nuntil = "2027-03-31"\n')
    prices = [
        next(row["price"] for row in model_rows(Settings(environ), day) if row["name"] == PAINTER)
        for day in ("2026-12-31", "2027-01-01", "2027-03-31", "2027-04-01")
    ]
    assert prices == ["$0.034 to $0.113", "$0.50", "$0.50", "$0.034 to $0.113"]


def test_a_model_the_table_does_not_have_gets_a_price_and_limits(new_studio, write, service):
    write(
        '[models."gemini:gemini-secret-preview"]\ntext_in = 1.0\nimage_out = 10.0\ntext_out = 2.0\nsizes = ["1K"]\nmax_count = 2\nnote = "ours"\n'
    )
    studio = new_studio()
    with pytest.raises(UnsupportedError, match="at most 2"):
        studio.session("fox").generate("a fox", model="gemini:gemini-secret-preview", n=3)
    with pytest.raises(UnsupportedError, match="does not take the size 4K"):
        studio.session("fox").generate("a fox", model="gemini:gemini-secret-preview", size="4K")
    assert not service.requests()
    assert plan(studio, model="gemini:gemini-secret-preview").estimate == pytest.approx(4000 * 10 / 1e6, rel=0.01)
    turn = studio.session("fox").generate("a fox", model="gemini:gemini-secret-preview")
    tokens = turn.usage["by_modality"]
    counted = tokens["input_text"] * 1.0 + tokens["output_image"] * 10.0 + tokens.get("thought", 0) * 2.0
    assert turn.cost == pytest.approx(counted / 1e6)
    assert "gemini:gemini-secret-preview" in [row["name"] for row in studio.models()]


BANS = [
    ('block = ["*:*nano*"]', PAINTER, "is blocked by '*:*nano*'"),
    ('block = ["gemini"]', PAINTER, "is blocked by 'gemini'"),
    ('allow = ["openai:*", "ark"]', PAINTER, "not among the models allowed here: openai:*, ark"),
    ('block = ["gemini-nano-banana-2.1"]', "gemini:nano-banana", "is blocked"),
]


@pytest.mark.parametrize(("text", "model", "said"), BANS)
def test_a_blocked_model_is_refused_before_anything_is_sent(text, model, said, new_studio, write, service):
    path = write(f"[models]\n{text}\n")
    studio = new_studio()
    with pytest.raises(UnsupportedError, match=r"endpoints\.toml, line 2") as caught:
        studio.session("fox").generate("a fox", model=model)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert (service.requests(), studio.store.spend_rows()) == ([], [])
    assert PAINTER not in [row["name"] for row in studio.models()]


def test_a_default_that_is_blocked_is_passed_over_and_the_built_in_engine_stays(new_studio, write):
    write('[models]\nallow = ["openai"]\n')
    turn = new_studio().session("fox").edit("warmer", "sample:chelsea")
    assert turn.model.startswith("local:")


FAULTS = [
    ("[models\n", "line 1"),
    ('[models."gemini:x"]\n\nper_picture = -0.5\n', "line 3: per_picture = -0.5 cannot be used: write US dollars"),
    ('[models."gemini:x"]\ntext_in = "cheap"\n', "line 2: text_in"),
    ('[models."gemini:x"]\ntext_in = nan\n', "line 2: text_in"),
    ('# prices\n[models."gemini:x"]\ntext_in = 1\nsince = 2027-02-01\nuntil = 2027-01-01\n', "line 5: the price ends"),
    ('[models."gemini:x"]\nper_pictur = 1\n', "line 2: unknown word 'per_pictur'. Did you mean 'per_picture'"),
    ('[models."gemini:x"]\nuntil = "soon"\ntext_in = 1\n', "line 2: until = 'soon' cannot be used: write a day"),
    ('[models."gemini:x"]\nsource = "me"\n', "line 1: there is no price in it"),
    ('[models."nano"]\ntext_in = 1\n', 'line 1: [models."nano"] names no provider'),
    ('[models."gemini:"]\ntext_in = 1\n', "names no provider and model"),
    (
        '[models]\nblock = []\n[models."gemnii:x"]\ntext_in = 1\n',
        "line 3: 'gemnii:x' names no provider there is. Did you mean 'gemini'?",
    ),
    ('[models."google:x"]\ntext_in = 1\n', "line 1: 'google:x' names no provider there is. Did you mean 'gemini'?"),
    ('[models]\nblock = ["opneai:*"]\n', "line 2: 'opneai:*' names no provider there is. Did you mean 'openai'?"),
    ('[models."gemini:x"]\ntext_in = inf\n', "line 2: text_in = inf"),
    (f'[models."gemini:x"]\ntext_in = {"9" * 400}\n', "line 2: text_in = 9999"),
    ('[models."gemini:x"]\nper_picture = "$0.04"\n', "line 2: per_picture = '$0.04' cannot be used: write US dollars"),
    ('[models."gemini:x"]\nby_pixels = [[-1, 0.5]]\n', "line 2: by_pixels"),
    ('[models."gemini:x"]\ntext_in = 1\nsince = 10:00:00\n', "line 3: since"),
    ('[models."gemini:x"]\ntext_in = 1\n[models."gemini:x"]\ntext_in = 2\n', "twice (at line 3"),
    (f"a = {'[' * 3000}{']' * 3000}\n", "not valid TOML"),
    ("[models]\nblock = 'gemini'\n", "line 2: block is a list of patterns"),
    ("[models]\nblocked = ['gemini']\n", "line 2: blocked is unknown in [models]"),
    ("models = 3\n", "models is no table"),
    ('[models."gemini:x"]\nkinds = ["paint"]\n', "line 2: kinds"),
    ('[models."gemini:x"]\nmax_inputs = 2.5\n', "line 2: max_inputs"),
]


@pytest.mark.parametrize(("text", "said"), FAULTS, ids=[said.split(":")[0] + str(number) for number, (_, said) in enumerate(FAULTS)])
def test_a_bad_file_is_told_by_file_and_line_and_the_built_in_table_goes_on(text, said, write, environ, new_studio):
    path = write(text)
    studio = new_studio()
    turns = [studio.session("fox").generate(prompt) for prompt in ("a fox", "an owl")]
    assert [turn.cost < 0.1 for turn in turns] == [True, True]
    told = [sentence for sentence in studio.said if str(path) in sentence]
    assert len(told) == 1
    assert said in told[0]
    assert "the built-in prices hold" in told[0]
    assert PAINTER in [row["name"] for row in studio.models()]


def test_a_provider_of_somebody_else_or_of_the_same_file_has_prices_though_it_is_not_installed_here(write, new_studio):
    write('[acme]\nbase_url = "http://127.0.0.1:9/v1"\n[models."acme:painter"]\nper_picture = 0.5\n[models."far-away:x"]\ntext_in = 1\n')
    studio = new_studio()
    assert own_models(studio.settings).models.keys() == {"acme:painter", "far-away:x"}


def test_the_file_that_is_named_wins_over_the_one_of_the_home(write, tmp_path, new_studio):
    write(f'[models]\nblock = ["ark"]\n[models."{PAINTER}"]\nper_picture = 0.5\n')
    (tmp_path / "team.toml").write_text(f'[models."{PAINTER}"]\nper_picture = 0.25\n')
    studio = new_studio(endpoints=str(tmp_path / "team.toml"))
    assert plan(studio).estimate == 0.25
    assert not [row for row in studio.models() if row["name"].startswith("ark:")]


def test_a_call_of_unknown_price_says_once_a_day_that_it_does_not_count_and_how_to_price_it(new_studio, home):
    def ask(studio: ni.Studio, prompt: str) -> list[str]:
        studio.session("fox").generate(prompt, model="gemini:gemini-secret-preview")
        return [text for text in studio.said if "do not count against the budget" in text]

    first = new_studio()
    told = ask(first, "a fox")
    assert len(told) == 1
    assert f'per_picture = 0.04 (US dollars) under [models."gemini:gemini-secret-preview"] in {home / "endpoints.toml"}' in told[0]
    assert ask(first, "an owl") == told
    assert ask(new_studio(), "a hare") == [], "the same day, another kernel"


def test_what_it_says_to_write_works(new_studio, write):
    write('[models."gemini:gemini-secret-preview"]\nper_picture = 0.04\n')
    assert new_studio().session("fox").generate("a fox", model="gemini:gemini-secret-preview").cost == 0.04


OLD = "gemini:gemini-2.5-flash-image"
ENDS = "By our table gemini-2.5-flash-image ended on 2026-10-31; its successor is gemini-nano-banana-2.1."


def test_a_model_that_has_ended_by_our_table_warns_once_and_the_service_is_the_judge(new_studio, service):
    studio = new_studio()
    fox = studio.session("fox")
    assert fox.generate("a fox", model=OLD).picture, "one service says it goes on there"
    fox.generate("an owl", model=OLD)
    assert studio.said.count(ENDS) == 1
    service.control({"kind": "status", "status": 404})
    with pytest.raises(ModelNotFoundError):
        fox.generate("a hare", model=OLD)


def test_a_replay_looks_at_no_end_price_or_ban(new_studio, write, service):
    def run(studio: ni.Studio) -> ni.Turn:
        studio.shared.kernel = kernel = Kernel()
        studio.origin = Origin(surface="cell", kernel=kernel.id)
        kernel.begin("generate", cell_id="c1")
        turn = studio.session("fox").generate("a fox", model=OLD)
        kernel.end(lambda: studio.store, failed=False)
        return turn

    made = run(new_studio())
    service.reset()
    write('[models]\nblock = ["gemini"]\n')
    studio = new_studio()
    again = run(studio)
    assert (again.id, bool(again.replayed)) == (made.id, True)
    assert [text for text in studio.said if not text.startswith("Session")] == []
    assert not service.requests()


def test_the_command_line_lists_price_date_source_and_end(environ, monkeypatch, capsys):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert main(["models", "gemini", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows[OLD]["ends"], rows[OLD]["successor"], rows[OLD]["status"]) == ("2026-10-31", "gemini-nano-banana-2.1", "deprecated")
    assert rows[OLD]["price"] == "about $0.039"
    assert (rows[PAINTER]["price_date"], "price pages" in rows[PAINTER]["price_source"]) == ("2026-11-27", True)
    assert main(["models", "gemini-2.5"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "about $0.039" in told
    assert "deprecated, until 2026-10-31, then gemini-nano-banana-2.1" in told


def test_a_provider_that_knows_nothing_of_prices_of_ones_own_is_priced_for(environ, write):
    """The built-in engine stands in for somebody else's."""
    write('[models."local:builtin"]\nper_picture = 0.25\nper_reference = 0.05\n')
    settings = Settings(environ)
    provider = providers.get("local", settings)
    price = providers.own_fields(provider, "builtin", settings, "2026-11-28")["price"]
    photo = Picture(file(Image.new("L", (8, 8))))
    request = Request("edit", "warmer", "builtin", count=2, references=(photo, photo), price=price)
    assert providers.expected(provider, request) == pytest.approx((0.70, 0.70))
    assert providers.own_cost(provider, request, Reply(pictures=(b"1", b"2"), cost=0.01)) == pytest.approx(0.70)
    assert providers.own_cost(provider, dataclasses.replace(request, price=None), Reply(pictures=(b"1",), cost=0.01)) == 0.01
