"""Every setting with its environment variable, in one place. Keys are looked up in keys.py."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, overload

from notebook_img.errors import StoreError, UsageError, did_you_mean
from notebook_img.settings.addresses import Address, DatabaseURL, folder_beside, read_home
from notebook_img.settings.reading import (
    checked_rates,
    number_from,
    one_of,
    read_as_google,
    read_bytes,
    read_flag,
    read_labels,
    read_paths,
    read_place,
    read_text,
    whole_from,
)
from notebook_img.settings.setting import Setting, full_stop, shown

HOME_VARIABLE = "NOTEBOOK_IMG_HOME"
BUDGET_VARIABLE = "NOTEBOOK_IMG_BUDGET"
HOME_BUDGET = "budget"
"""The file in the home that holds its budget, a number."""


class _HomeSetting(Setting[Any]):
    """The home: its value is the folder on this machine, whether that is the home itself or belongs to one in a database."""

    @overload
    def __get__(self, instance: None, owner: type) -> _HomeSetting: ...
    @overload
    def __get__(self, instance: Settings, owner: type) -> Path: ...
    def __get__(self, instance: Settings | None, owner: type) -> Path | _HomeSetting:
        return self if instance is None else instance.address.folder

    def told(self, instance: Settings) -> Path | DatabaseURL:
        """Return what was set, here or outside."""
        told: Path | DatabaseURL = instance.chosen[self.name] if self.name in instance.chosen else self.set_outside(instance)
        return told if isinstance(told, Path) else told.with_password_of(instance.environ, HOME_VARIABLE)


class Budgets(NamedTuple):
    """What may be spent in a day, in US dollars."""

    everyone: float
    """By all that share the home."""
    own: float | None = None
    """By the client that this process serves, where its configuration says so."""


def _home_budget(settings: Settings) -> tuple[float, str] | None:
    """Return the budget of the home and where it stands; None where it has none."""
    file = settings.home / HOME_BUDGET
    try:
        return Settings.budget.read(file.read_text(encoding="utf-8").strip()), str(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        msg = f"{file}, the budget of this home, cannot be used: {error}{full_stop(error)}"
        raise UsageError(msg) from error


def _budget_ceiling(settings: Settings) -> tuple[float, str] | None:
    """Return the least of the budgets set outside, in the environment and in the home, and where it stands; None where none is."""
    here = (Settings.budget.set_outside(settings), BUDGET_VARIABLE) if settings.is_set(BUDGET_VARIABLE) else None
    return min(filter(None, (here, _home_budget(settings))), default=None)


def _default_home() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("notebook_img", appauthor=False))


class Settings:
    """All settings of one studio.

    Parameters
    ----------
    environ : mapping, optional
        Stands in for ``os.environ``.
    **chosen
        Settings by name; they win over the environment.
    """

    home = _HomeSetting(read_home, _default_home, HOME_VARIABLE, help="Folder of the store, or the database of a home for a team.")
    pictures = Setting(
        read_place,
        "",
        "NOTEBOOK_IMG_PICTURES",
        help="Where the pictures of a home in a database lie: s3://BUCKET/PREFIX, gs://, az:// or file:///FOLDER.",
    )
    model = Setting(
        read_text,
        "",
        "NOTEBOOK_IMG_MODEL",
        help="Default model, as provider:model or provider. Empty: the first service with a key, else the built-in engine.",
    )
    fallback = Setting(
        read_text, "", "NOTEBOOK_IMG_FALLBACK", help="Model that is asked when the chosen one stays overloaded or limited. Empty: none."
    )
    budget = Setting(
        number_from(0, unit="US dollars"),
        5.0,
        BUDGET_VARIABLE,
        help="US dollars per local day, over all surfaces that share the home. One from the environment can only be lowered.",
        ceiling=_budget_ceiling,
    )
    ask_above = Setting(
        number_from(0, unit="US dollars"),
        1.0,
        "NOTEBOOK_IMG_ASK_ABOVE",
        help="US dollars above which a batch needs a budget of its own, and an agent's call the person's word, before anything is sent.",
    )
    at_once = Setting(whole_from(1, 256), 8, "NOTEBOOK_IMG_AT_ONCE", help="Calls of a batch that are under way at once.")
    replay = Setting(
        one_of("restart", "always", "only", "off"),
        "restart",
        "NOTEBOOK_IMG_REPLAY",
        help="When a stored reply is reused: restart, always, only, off.",
    )
    replay_from = Setting(read_paths, (), "NOTEBOOK_IMG_REPLAY_FROM", help="Read-only packs or stores replies may come from.")
    allowed_dirs = Setting(
        read_paths, (), "NOTEBOOK_IMG_ALLOWED_DIRS", help="Folders MCP tools may read and write, in place of the default ones."
    )
    preview = Setting(whole_from(64, 4096), 768, "NOTEBOOK_IMG_PREVIEW", help="Longest side of inline previews, pixels (64 to 4096).")
    figure = Setting(
        one_of("html", "image"),
        "html",
        "NOTEBOOK_IMG_FIGURE",
        help="How a result is shown: html (picture and caption as one), or image (two outputs, for exporters that remove HTML).",
    )
    save_to = Setting(
        read_text, "", "NOTEBOOK_IMG_SAVE_TO", help="Folder that gets a copy of every picture, relative to the notebook. Empty: none."
    )
    verbose_errors = Setting(read_flag, False, "NOTEBOOK_IMG_VERBOSE_ERRORS", help="Show whole tracebacks instead of one sentence.")
    history = Setting(
        one_of("window", "full", "server"),
        "window",
        "NOTEBOOK_IMG_HISTORY",
        help="What of a session is sent to a service: window, full, server.",
    )
    window_turns = Setting(whole_from(1, 50), 1, "NOTEBOOK_IMG_WINDOW_TURNS", help="Past turns a window holds.")
    question_turns = Setting(
        whole_from(0), 0, "NOTEBOOK_IMG_QUESTION_TURNS", help="Most questions in a row about a picture; 0 for no limit."
    )
    max_bytes = Setting(read_bytes, 200_000_000, "NOTEBOOK_IMG_MAX_BYTES", help="Largest image file read, bytes.")
    max_pixels = Setting(whole_from(1), 150_000_000, "NOTEBOOK_IMG_MAX_PIXELS", help="Most pixels decoded.")
    timeout = Setting(number_from(1, unit="seconds"), 300.0, "NOTEBOOK_IMG_TIMEOUT", help="Longest wait for one reply, seconds.")
    retries = Setting(whole_from(0, 20), 4, "NOTEBOOK_IMG_RETRIES", help="Most times a rejected request is sent again.")
    retry_seconds = Setting(
        number_from(0, unit="seconds"), 90.0, "NOTEBOOK_IMG_RETRY_SECONDS", help="Longest total wait for retries, seconds."
    )
    rate = Setting(
        checked_rates,
        "",
        "NOTEBOOK_IMG_RATE",
        help="Most calls a model gets: 5/min, or by provider or model: gemini=5/min. Empty: what the service allows.",
    )
    mcp_wait = Setting(
        number_from(0, unit="seconds"), 45.0, "NOTEBOOK_IMG_MCP_WAIT", help="Seconds an MCP tool waits before it hands out a job."
    )
    mcp_chat_turns = Setting(whole_from(1), 2, "NOTEBOOK_IMG_CHAT_TURNS", help="Turns of one chat_vision conversation.")
    mcp_urls = Setting(read_flag, False, "NOTEBOOK_IMG_MCP_URLS", help="Let MCP tools fetch https image URLs from public addresses.")
    mcp_page = Setting(read_flag, True, "NOTEBOOK_IMG_MCP_PAGE", help="MCP servers show pictures on a page of their own, on 127.0.0.1.")
    mcp_links = Setting(read_flag, True, "NOTEBOOK_IMG_MCP_LINKS", help="Results of MCP tools hold links to the original pictures.")

    gemini_base_url = Setting(read_text, "", "GOOGLE_GEMINI_BASE_URL", help="Base URL of the Gemini API.")
    gemini_api_version = Setting(read_text, "", "GOOGLE_GENAI_API_VERSION", help="API version, v1 or v1beta; the SDK's default when empty.")
    google_cloud = Setting(
        read_as_google,
        False,
        "GOOGLE_GENAI_USE_ENTERPRISE",
        "GOOGLE_GENAI_USE_VERTEXAI",
        help="Reach Gemini through Google Cloud, with a project and credentials in place of a key.",
    )
    google_cloud_project = Setting(
        read_text, "", "GOOGLE_CLOUD_PROJECT", help="Project on Google Cloud; that of the credentials when empty."
    )
    google_cloud_location = Setting(
        read_text, "global", "GOOGLE_CLOUD_LOCATION", help="Location on Google Cloud, for example europe-west4."
    )
    google_vertex_base_url = Setting(read_text, "", "GOOGLE_VERTEX_BASE_URL", help="Base URL of Google Cloud's API for models.")
    google_credentials = Setting(
        read_text, "", "GOOGLE_APPLICATION_CREDENTIALS", help="File with Google Cloud credentials; gcloud's own when empty."
    )
    labels = Setting(
        read_labels,
        {},
        "NOTEBOOK_IMG_LABELS",
        help="Labels of your own on calls that are billed by labels (Google Cloud), as name=value with commas between.",
    )
    gemini_store = Setting(read_flag, True, "NOTEBOOK_IMG_GEMINI_STORE", help="Let the service keep interactions when history is server.")
    openai_base_url = Setting(read_text, "", "OPENAI_BASE_URL", help="Base URL of the OpenAI API.")
    openai_connection = Setting(
        one_of("auto", "openai", "azure"),
        "auto",
        "NOTEBOOK_IMG_OPENAI_CONNECTION",
        help="Where OpenAI's models are reached: openai, azure, or auto (Azure where only that is set up).",
    )
    azure_endpoint = Setting(read_text, "", "AZURE_OPENAI_ENDPOINT", help="URL of an Azure OpenAI resource.")
    azure_api_version = Setting(read_text, "", "OPENAI_API_VERSION", help="Its api-version; the v1 style, which needs none, when empty.")
    openai_chat_model = Setting(read_text, "", "NOTEBOOK_IMG_OPENAI_CHAT_MODEL", help="Model that OpenAI questions go to.")
    endpoints = Setting(read_text, "", "NOTEBOOK_IMG_ENDPOINTS", help="File (TOML) with OpenAI-compatible endpoints of your own.")
    vision_base_url = Setting(read_text, "", "VISION_BASE_URL", help="OpenAI-compatible endpoint for questions.")
    vision_model = Setting(read_text, "", "VISION_MODEL", help="Model for questions at that endpoint.")
    vision_timeout = Setting(number_from(1, unit="seconds"), 60.0, "VISION_TIMEOUT", help="Seconds to wait for an answer there.")
    vision_max_tokens = Setting(whole_from(0), 0, "VISION_MAX_TOKENS", help="Longest answer, tokens; 0 leaves it to the server.")
    vision_temperature = Setting(number_from(-1, 2), -1.0, "VISION_TEMPERATURE", help="Temperature; -1 leaves it to the server.")
    vision_max_image_size = Setting(read_bytes, 20_000_000, "VISION_MAX_IMAGE_SIZE", help="Largest picture sent with a question, bytes.")
    vision_max_history = Setting(whole_from(0), 20, "VISION_MAX_HISTORY", help="Most earlier questions sent along.")
    vision_enable_persistence = Setting(read_flag, True, "VISION_ENABLE_PERSISTENCE", help="Keep chat_vision conversations in the store.")
    vision_history_path = Setting(read_text, "", "VISION_HISTORY_PATH", help="Old history file, imported once.")
    vision_log_level = Setting(read_text, "", "VISION_LOG_LEVEL", help="Level of the server's own log on stderr.")
    ark_base_url = Setting(read_text, "https://ark.cn-beijing.volces.com/api/v3", "ARK_BASE_URL", help="Base URL of the Ark API.")
    jimeng_base_url = Setting(read_text, "https://jimeng.jianying.com", "JIMENG_BASE_URL", help="Base URL of Jimeng's web service.")
    jimeng_upload_url = Setting(read_text, "https://imagex.bytedanceapi.com", "JIMENG_UPLOAD_URL", help="Base URL of its upload service.")
    jimeng_daily_credit = Setting(read_flag, False, "JIMENG_DAILY_CREDIT", help="Claim the daily credit when none is left.")
    jimeng_deadline = Setting(number_from(1, unit="seconds"), 600.0, "JIMENG_DEADLINE", help="Longest wait for one job, seconds.")
    jimeng_poll = Setting(number_from(0.01, unit="seconds"), 2.0, "JIMENG_POLL", help="First pause between two looks at a job, seconds.")
    fal_base_url = Setting(read_text, "https://queue.fal.run", "FAL_BASE_URL", help="Base URL of fal's queue.")
    fal_deadline = Setting(number_from(1, unit="seconds"), 600.0, "FAL_DEADLINE", help="Longest wait for one job of fal, seconds.")
    fal_poll = Setting(number_from(0.01, unit="seconds"), 0.5, "FAL_POLL", help="First pause between two looks at a job of fal, seconds.")

    def __init__(self, environ: Mapping[str, str] | None = None, **chosen: Any) -> None:
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        self.chosen: dict[str, Any] = {}
        self.of_a_client = False
        """Whether the environment is the configuration of one client that this process serves: its budget is that client's."""
        for name, value in sorted(chosen.items(), key=lambda item: item[0] != "home"):  # ceilings lie in the home
            self.set(name, value)

    @classmethod
    def table(cls) -> dict[str, Setting[Any]]:
        """Return all settings by name."""
        return {name: value for name, value in vars(cls).items() if isinstance(value, Setting)}

    def set(self, name: str, value: Any) -> None:
        """Set one setting; None goes back to the environment and the default."""
        if name not in self.table():
            msg = f"There is no setting {name!r}.{did_you_mean(name, self.table())}"
            raise UsageError(msg)
        setattr(self, name, value)

    @property
    def address(self) -> Address:
        """Where the store is: what `home` and `pictures` say. As text it has no password."""
        told = type(self).home.told(self)
        return Address(told) if isinstance(told, Path) else Address(folder_beside(type(self).home.default, told), told, self.pictures)

    @property
    def person(self) -> str:
        """Who works here: ``NOTEBOOK_IMG_USER``, else JupyterHub's user, else the login; empty where that has no name."""
        from notebook_img.settings.person import person_of

        return person_of(self.environ)

    def is_set(self, variable: str) -> bool:
        """Return whether the environment has a variable that is not blank."""
        return bool(self.environ.get(variable, "").strip())

    @property
    def budgets(self) -> Budgets:
        """The budget of everyone and, in a server that one client has configured, this client's.

        A client's may be larger than the default one: without a file in the home nobody else has set a ceiling.
        """
        if not (self.of_a_client and self.is_set(BUDGET_VARIABLE)):
            return Budgets(self.budget)
        home = _home_budget(self)
        return Budgets(home[0] if home is not None else max(Settings.budget.default, self.budget), self.budget)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        for name in self.table():
            yield name, str(self.address) if name == "home" and self.address.is_shared else shown(getattr(self, name))

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={shown(value)!r}' for name, value in self.chosen.items())})"

    def key_mark(self, key: str) -> str:
        """Return a keyed hash that recognises a key without telling it.

        The secret it is keyed with is a file of mode 0600 in the home, so that a stored mark is no help in guessing keys.
        """
        from notebook_img.files import read_or_create_private, reason

        try:
            secret = read_or_create_private(self.home / "mark", lambda: secrets.token_bytes(32))
        except OSError as error:
            msg = (
                f"{self.home / 'mark'}, which recognises keys without telling them, cannot be read: {reason(error)}. Nothing was sent. "
                "Make it readable, or move it away; a new one is then created."
            )
            raise StoreError(msg) from error
        return hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()[:16]
