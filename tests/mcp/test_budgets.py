"""What agents may spend: a client's own budget counts what that client spent, the home's holds for all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mcp import Client

from notebook_img.errors import BudgetError, UsageError
from notebook_img.settings import HOME_BUDGET, Settings
from notebook_img.store import Store
from tests.emulators.process import Running
from tests.mcp.conftest import KEY, called, stdio


def served(home: Path, **environ: str) -> Settings:
    settings = Settings(environ, home=home)
    settings.of_a_client = True
    return settings


@pytest.mark.parametrize(
    ("own", "file", "expected"),
    [
        ("", "", (5.0, None)),
        ("", "3", (3.0, None)),
        ("0.5", "", (5.0, 0.5)),
        ("20", "", (20.0, 20.0)),
        ("0.5", "3", (3.0, 0.5)),
        ("20", "3", (3.0, 3.0)),
        ("0", "3", (3.0, 0.0)),
    ],
)
def test_a_clients_budget_stands_beside_the_homes(home: Path, own: str, file: str, expected: tuple[float, float | None]):
    home.mkdir(parents=True, exist_ok=True)
    if file:
        (home / HOME_BUDGET).write_text(file)
    settings = served(home, NOTEBOOK_IMG_BUDGET=own)
    assert tuple(settings.budgets) == expected
    everywhere = Settings({"NOTEBOOK_IMG_BUDGET": own}, home=home)
    assert tuple(everywhere.budgets) == (everywhere.budget, None)
    with pytest.raises(UsageError, match="can only be lowered"):
        served(home, NOTEBOOK_IMG_BUDGET="1").set("budget", 2.0)


def test_its_own_budget_counts_one_origin_with_what_is_under_way(tmp_path: Path):
    with Store.open(tmp_path / "home") as store:

        def reserve(origin: str, estimate: float | None, *, own: float | None = 1.0, all_: float = 5.0) -> int:
            return store.reserve("m", estimate, None, origin, "fox", all_, own=own)

        store.settle(reserve("notebook", 2.0, own=None), "billed", 2.0)
        store.settle(reserve("claude", 0.5), "billed", 0.5)
        reserve("claude", 0.4)
        reserve("cursor", 0.9)
        with pytest.raises(BudgetError, match=r"\$0\.50 of at most \$1\.00 has been spent by claude and \$0\.40 is reserved"):
            reserve("claude", 0.2)
        reserve("claude", 0.1)
        with pytest.raises(BudgetError, match="by claude"):
            reserve("claude", None)
        assert store.known_today_by("claude") == 0.5
        with pytest.raises(BudgetError, match=r"\$2\.50 of at most \$5\.00 has been spent and"):
            reserve("other", 2.0, own=100.0)


@pytest.mark.slow
async def test_two_servers_of_one_home_have_a_budget_each_and_the_homes_holds_for_both(
    start_emulator: Callable[..., Running], home: Path, folder: Path
):
    gemini = start_emulator("gemini")
    gemini.control(key=KEY)
    with Store.open(home) as store:
        store.settle(store.reserve("gemini:x", 1.0, None, "notebook", "fox", None), "billed", 1.0)

    async def ask(own: str) -> str:
        services = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": gemini.url}
        async with Client(stdio(home, folder, "--alone", NOTEBOOK_IMG_BUDGET=own, **services)) as client:
            result = await client.call_tool("generate_image", {"prompt": f"a fox for {own}", "outputPath": f"{own}.png"})
            facts = (await called(client, "get_status")).structured_content
            assert facts["client_budget_usd"] == float(own)
            return result.content[0].text if result.is_error else f"{facts['spent_by_client_today_usd']:.3f}"

    assert "of at most $0.01 has been spent by" in await ask("0.01")
    assert float(await ask("0.9")) > 0.02
    (home / HOME_BUDGET).write_text("1")
    assert "$1.00 has been spent" in (said := await ask("0.95"))
    assert "spent by" not in said
