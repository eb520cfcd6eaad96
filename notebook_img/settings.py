"""Every setting with its environment variable, in one place. Keys are looked up in keys.py.

A setting is read when it is used: what was set in code or by ``%config`` first, then the environment, then the default.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, overload

from notebook_img.addresses import Address, DatabaseURL, folder_beside, read_home
from notebook_img.errors import StoreError, UsageError, did_you_mean
from notebook_img.network import shown_url, url_secrets
from notebook_img.rates import read_rates

T = TypeVar("T")


class Setting(Generic[T]):
    """One setting: how its text is read, its default, its environment variables (first set one wins), its help."""

    def __init__(
        self,
        read: Callable[[str], T],
        default: T | Callable[[], T],
        *env: str,
        help: str,  # noqa: A002
        ceiling: Callable[[Settings], tuple[T, str] | None] | None = None,
    ) -> None:
        self.read = read
        self.ceiling = ceiling
        self._default = default
        self.env = env
        self.help = help
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def default(self) -> T:
        """The value when nothing is set."""
        return self._default() if callable(self._default) else self._default

    @overload
    def __get__(self, instance: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, instance: Settings, owner: type) -> T: ...
    def __get__(self, instance: Settings | None, owner: type) -> T | Setting[T]:
        if instance is None:
            return self
        most = self.ceiling(instance) if self.ceiling is not None else None
        if self.name in instance.chosen:
            chosen: Any = instance.chosen[self.name]
            return chosen if most is None or chosen <= most[0] else most[0]
        if most is not None:
            return most[0]
        return self.set_outside(instance)

    def set_outside(self, instance: Settings) -> T:
        """Return what the environment says, else the default."""
        for variable in self.env:
            text = instance.environ.get(variable, "").strip()
            if text:
                try:
                    return self.read(text)
                except ValueError as error:
                    msg = f"{variable}={_shown(text)!r} cannot be used: {error}{_end(error)}"
                    raise UsageError(msg) from error
        return self.default

    def __set__(self, instance: Settings, value: T | str | None) -> None:
        if value is None:
            instance.chosen.pop(self.name, None)
            return
        try:
            read = self.read(value) if isinstance(value, str) else self._checked(value)
        except ValueError as error:
            msg = f"{self.name} = {_shown(value)!r} cannot be used: {error}{_end(error)}"
            raise UsageError(msg) from error
        most = self.ceiling(instance) if self.ceiling is not None else None
        if most is not None and read > most[0]:  # type: ignore[operator]
            msg = f"{self.name} = {value!r} cannot be used: {most[1]} allows {most[0]:g}, and here that can only be lowered."
            raise UsageError(msg)
        instance.chosen[self.name] = read

    def _checked(self, value: T) -> T:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self.read(str(value))
        if isinstance(self.default, str):
            msg = f"write text, not {type(value).__name__}"
            raise ValueError(msg)  # noqa: TRY004 - read as the other refusals, and told in one sentence
        return value


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


def _end(error: Exception) -> str:
    """Return the full stop that a sentence ending in an error's words still needs."""
    return "" if str(error).endswith((".", "?", "!")) else "."


def _text(text: str) -> str:
    return text


def _place(text: str) -> str:
    scheme, _, rest = text.partition("://")
    if text and not (rest.strip("/") and (scheme in ("s3", "gs", "az") or (scheme == "file" and rest.startswith("/")))):
        msg = "write s3://BUCKET/PREFIX (or gs://, az://), or file:// and the whole path of a folder: file:///shared/pictures"
        raise ValueError(msg)
    return text


def _paths(text: str) -> tuple[Path, ...]:
    return tuple(Path(part).expanduser() for part in text.split(os.pathsep) if part.strip())


def _flag(text: str) -> bool:
    if text.casefold() in {"1", "true", "yes", "on"}:
        return True
    if text.casefold() in {"0", "false", "no", "off"}:
        return False
    msg = "write true or false"
    raise ValueError(msg)


def _as_google_reads(text: str) -> bool:
    # google-genai takes anything else for false (read in google-genai 3.4.0).
    return text.casefold() in {"true", "1"}


def _labels(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(name.strip() and value.strip() for name, _, value in pairs):
        msg = "write name=value, with commas between"
        raise ValueError(msg)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _number(least: float = 0.0, most: float = float("inf"), unit: str = "") -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            msg = f"write a number{f' of {unit}' if unit else ''}"
            raise ValueError(msg) from None
        if not least <= value <= most:
            msg = f"write a number from {least:g} to {most:g}" if most < float("inf") else f"write a number of at least {least:g}"
            raise ValueError(msg)
        return value

    return read


def _whole(least: int = 0, most: int = 10**12) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = _number(least, most)(text)
        if value != int(value):
            msg = "write a whole number"
            raise ValueError(msg)
        return int(value)

    return read


def _rates(text: str) -> str:
    read_rates(text)
    return text


def _choice(*names: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.casefold() not in names:
            msg = f"choose from {', '.join(names)}.{did_you_mean(text, names)}".rstrip("?.") + ("?" if did_you_mean(text, names) else "")
            raise ValueError(msg)
        return text.casefold()

    return read


def _bytes_size(text: str) -> int:
    """Read ``20MB``, ``500 kB``, ``1048576``; decimal units."""
    number = text.strip().casefold().removesuffix("b").strip()
    factor = {"k": 10**3, "m": 10**6, "g": 10**9}.get(number[-1:], 1)
    return int(_number(1)(number[:-1].strip() if factor > 1 else number) * factor)


HOME_VARIABLE = "NOTEBOOK_IMG_HOME"
BUDGET_VARIABLE = "NOTEBOOK_IMG_BUDGET"
HOME_BUDGET = "budget"
"""The file in the home that holds its budget, a number."""


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
        msg = f"{file}, the budget of this home, cannot be used: {error}{_end(error)}"
        raise UsageError(msg) from error


def _budget_ceiling(settings: Settings) -> tuple[float, str] | None:
    """Return the least of the budgets set outside, in the environment and in the home, and where it stands; None where none is."""
    here = (Settings.budget.set_outside(settings), BUDGET_VARIABLE) if settings.is_set(BUDGET_VARIABLE) else None
    return min(filter(None, (here, _home_budget(settings))), default=None)


def _shown(value: Any) -> Any:
    """Return a value as lists show it: of a URL nothing that may be a key."""
    return shown_url(value) if isinstance(value, str) and url_secrets(value) else value


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
        _place,
        "",
        "NOTEBOOK_IMG_PICTURES",
        help="Where the pictures of a home in a database lie: s3://BUCKET/PREFIX, gs://, az:// or file:///FOLDER.",
    )
    model = Setting(
        _text,
        "",
        "NOTEBOOK_IMG_MODEL",
        help="Default model, as provider:model or provider. Empty: the first service with a key, else the built-in engine.",
    )
    fallback = Setting(
        _text, "", "NOTEBOOK_IMG_FALLBACK", help="Model that is asked when the chosen one stays overloaded or limited. Empty: none."
    )
    budget = Setting(
        _number(0, unit="US dollars"),
        5.0,
        BUDGET_VARIABLE,
        help="US dollars per local day, over all surfaces that share the home. One from the environment can only be lowered.",
        ceiling=_budget_ceiling,
    )
    ask_above = Setting(
        _number(0, unit="US dollars"),
        1.0,
        "NOTEBOOK_IMG_ASK_ABOVE",
        help="US dollars above which a batch needs a budget of its own, and an agent's call the person's word, before anything is sent.",
    )
    at_once = Setting(_whole(1, 256), 8, "NOTEBOOK_IMG_AT_ONCE", help="Calls of a batch that are under way at once.")
    replay = Setting(
        _choice("restart", "always", "only", "off"),
        "restart",
        "NOTEBOOK_IMG_REPLAY",
        help="When a stored reply is reused: restart, always, only, off.",
    )
    replay_from = Setting(_paths, (), "NOTEBOOK_IMG_REPLAY_FROM", help="Read-only packs or stores replies may come from.")
    allowed_dirs = Setting(
        _paths, (), "NOTEBOOK_IMG_ALLOWED_DIRS", help="Folders MCP tools may read and write, in place of the default ones."
    )
    preview = Setting(_whole(64, 4096), 768, "NOTEBOOK_IMG_PREVIEW", help="Longest side of inline previews, pixels (64 to 4096).")
    figure = Setting(
        _choice("html", "image"),
        "html",
        "NOTEBOOK_IMG_FIGURE",
        help="How a result is shown: html (picture and caption as one), or image (two outputs, for exporters that remove HTML).",
    )
    save_to = Setting(
        _text, "", "NOTEBOOK_IMG_SAVE_TO", help="Folder that gets a copy of every picture, relative to the notebook. Empty: none."
    )
    verbose_errors = Setting(_flag, False, "NOTEBOOK_IMG_VERBOSE_ERRORS", help="Show whole tracebacks instead of one sentence.")
    history = Setting(
        _choice("window", "full", "server"),
        "window",
        "NOTEBOOK_IMG_HISTORY",
        help="What of a session is sent to a service: window, full, server.",
    )
    window_turns = Setting(_whole(1, 50), 1, "NOTEBOOK_IMG_WINDOW_TURNS", help="Past turns a window holds.")
    question_turns = Setting(_whole(0), 0, "NOTEBOOK_IMG_QUESTION_TURNS", help="Most questions in a row about a picture; 0 for no limit.")
    max_bytes = Setting(_bytes_size, 200_000_000, "NOTEBOOK_IMG_MAX_BYTES", help="Largest image file read, bytes.")
    max_pixels = Setting(_whole(1), 150_000_000, "NOTEBOOK_IMG_MAX_PIXELS", help="Most pixels decoded.")
    timeout = Setting(_number(1, unit="seconds"), 300.0, "NOTEBOOK_IMG_TIMEOUT", help="Longest wait for one reply, seconds.")
    retries = Setting(_whole(0, 20), 4, "NOTEBOOK_IMG_RETRIES", help="Most times a rejected request is sent again.")
    retry_seconds = Setting(_number(0, unit="seconds"), 90.0, "NOTEBOOK_IMG_RETRY_SECONDS", help="Longest total wait for retries, seconds.")
    rate = Setting(
        _rates,
        "",
        "NOTEBOOK_IMG_RATE",
        help="Most calls a model gets: 5/min, or by provider or model: gemini=5/min. Empty: what the service allows.",
    )
    mcp_wait = Setting(
        _number(0, unit="seconds"), 45.0, "NOTEBOOK_IMG_MCP_WAIT", help="Seconds an MCP tool waits before it hands out a job."
    )
    mcp_chat_turns = Setting(_whole(1), 2, "NOTEBOOK_IMG_CHAT_TURNS", help="Turns of one chat_vision conversation.")
    mcp_urls = Setting(_flag, False, "NOTEBOOK_IMG_MCP_URLS", help="Let MCP tools fetch https image URLs from public addresses.")
    mcp_page = Setting(_flag, True, "NOTEBOOK_IMG_MCP_PAGE", help="MCP servers show pictures on a page of their own, on 127.0.0.1.")
    mcp_links = Setting(_flag, True, "NOTEBOOK_IMG_MCP_LINKS", help="Results of MCP tools hold links to the original pictures.")

    gemini_base_url = Setting(_text, "", "GOOGLE_GEMINI_BASE_URL", help="Base URL of the Gemini API.")
    gemini_api_version = Setting(_text, "", "GOOGLE_GENAI_API_VERSION", help="API version, v1 or v1beta; the SDK's default when empty.")
    google_cloud = Setting(
        _as_google_reads,
        False,
        "GOOGLE_GENAI_USE_ENTERPRISE",
        "GOOGLE_GENAI_USE_VERTEXAI",
        help="Reach Gemini through Google Cloud, with a project and credentials in place of a key.",
    )
    google_cloud_project = Setting(_text, "", "GOOGLE_CLOUD_PROJECT", help="Project on Google Cloud; that of the credentials when empty.")
    google_cloud_location = Setting(_text, "global", "GOOGLE_CLOUD_LOCATION", help="Location on Google Cloud, for example europe-west4.")
    google_vertex_base_url = Setting(_text, "", "GOOGLE_VERTEX_BASE_URL", help="Base URL of Google Cloud's API for models.")
    google_credentials = Setting(
        _text, "", "GOOGLE_APPLICATION_CREDENTIALS", help="File with Google Cloud credentials; gcloud's own when empty."
    )
    labels = Setting(
        _labels,
        {},
        "NOTEBOOK_IMG_LABELS",
        help="Labels of your own on calls that are billed by labels (Google Cloud), as name=value with commas between.",
    )
    gemini_store = Setting(_flag, True, "NOTEBOOK_IMG_GEMINI_STORE", help="Let the service keep interactions when history is server.")
    openai_base_url = Setting(_text, "", "OPENAI_BASE_URL", help="Base URL of the OpenAI API.")
    openai_connection = Setting(
        _choice("auto", "openai", "azure"),
        "auto",
        "NOTEBOOK_IMG_OPENAI_CONNECTION",
        help="Where OpenAI's models are reached: openai, azure, or auto (Azure where only that is set up).",
    )
    azure_endpoint = Setting(_text, "", "AZURE_OPENAI_ENDPOINT", help="URL of an Azure OpenAI resource.")
    azure_api_version = Setting(_text, "", "OPENAI_API_VERSION", help="Its api-version; the v1 style, which needs none, when empty.")
    openai_chat_model = Setting(_text, "", "NOTEBOOK_IMG_OPENAI_CHAT_MODEL", help="Model that OpenAI questions go to.")
    endpoints = Setting(_text, "", "NOTEBOOK_IMG_ENDPOINTS", help="File (TOML) with OpenAI-compatible endpoints of your own.")
    vision_base_url = Setting(_text, "", "VISION_BASE_URL", help="OpenAI-compatible endpoint for questions.")
    vision_model = Setting(_text, "", "VISION_MODEL", help="Model for questions at that endpoint.")
    vision_timeout = Setting(_number(1, unit="seconds"), 60.0, "VISION_TIMEOUT", help="Seconds to wait for an answer there.")
    vision_max_tokens = Setting(_whole(0), 0, "VISION_MAX_TOKENS", help="Longest answer, tokens; 0 leaves it to the server.")
    vision_temperature = Setting(_number(-1, 2), -1.0, "VISION_TEMPERATURE", help="Temperature; -1 leaves it to the server.")
    vision_max_image_size = Setting(_bytes_size, 20_000_000, "VISION_MAX_IMAGE_SIZE", help="Largest picture sent with a question, bytes.")
    vision_max_history = Setting(_whole(0), 20, "VISION_MAX_HISTORY", help="Most earlier questions sent along.")
    vision_enable_persistence = Setting(_flag, True, "VISION_ENABLE_PERSISTENCE", help="Keep chat_vision conversations in the store.")
    vision_history_path = Setting(_text, "", "VISION_HISTORY_PATH", help="Old history file, imported once.")
    vision_log_level = Setting(_text, "", "VISION_LOG_LEVEL", help="Level of the server's own log on stderr.")
    ark_base_url = Setting(_text, "https://ark.cn-beijing.volces.com/api/v3", "ARK_BASE_URL", help="Base URL of the Ark API.")
    jimeng_base_url = Setting(_text, "https://jimeng.jianying.com", "JIMENG_BASE_URL", help="Base URL of Jimeng's web service.")
    jimeng_upload_url = Setting(_text, "https://imagex.bytedanceapi.com", "JIMENG_UPLOAD_URL", help="Base URL of its upload service.")
    jimeng_daily_credit = Setting(_flag, False, "JIMENG_DAILY_CREDIT", help="Claim the daily credit when none is left.")
    jimeng_deadline = Setting(_number(1, unit="seconds"), 600.0, "JIMENG_DEADLINE", help="Longest wait for one job, seconds.")
    jimeng_poll = Setting(_number(0.01, unit="seconds"), 2.0, "JIMENG_POLL", help="First pause between two looks at a job, seconds.")
    fal_base_url = Setting(_text, "https://queue.fal.run", "FAL_BASE_URL", help="Base URL of fal's queue.")
    fal_deadline = Setting(_number(1, unit="seconds"), 600.0, "FAL_DEADLINE", help="Longest wait for one job of fal, seconds.")
    fal_poll = Setting(_number(0.01, unit="seconds"), 0.5, "FAL_POLL", help="First pause between two looks at a job of fal, seconds.")

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
        """Who works here: ``NOTEBOOK_IMG_USER``, else the name of the account; empty where it has none, as in some containers."""
        import getpass

        try:
            return self.environ.get("NOTEBOOK_IMG_USER") or getpass.getuser()
        except (OSError, KeyError, ImportError):
            return ""

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
            yield name, str(self.address) if name == "home" and self.address.is_shared else _shown(getattr(self, name))

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={_shown(value)!r}' for name, value in self.chosen.items())})"

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
