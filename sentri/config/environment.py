"""The settings of the command line: `SENTRI_*` environment variables, and the arguments that take their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from sentri.config import readers
from sentri.config.reading import Wrong, suggestion

__all__ = ["VARIABLES", "Settings", "read_environment"]

_PREFIX: Final = "SENTRI_"
_OF_TESTS: Final = "SENTRI_TEST_"  # where the test suite's databases are
_OF_KUBERNETES: Final = ("SENTRI_SERVICE_", "SENTRI_PORT_")  # what it tells every pod of a service named sentri
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_FLAGS: Final = MappingProxyType({"true": True, "false": False})


def _number(text: str) -> int | str:
    return int(text) if _NUMBER.fullmatch(text) else text  # the option's own reader says what is wrong with the rest


def _flag(text: str) -> bool | str:
    return _FLAGS.get(text.lower(), text)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


@dataclass(frozen=True, slots=True)
class Variable:
    """What an environment variable sets.

    Attributes:
        option: the option of `create_auth`, or the setting of the command line.
        value: makes the option's value of the text.
        secret: taken as it is, never shown, and also read from the file that `<NAME>_FILE` names.
    """

    option: str
    value: Callable[[str], Any] = str
    secret: bool = False


VARIABLES: Final[Mapping[str, Variable]] = MappingProxyType(
    {
        "SENTRI_DATABASE_URL": Variable("db", secret=True),
        "SENTRI_HOST": Variable("host"),
        "SENTRI_PORT": Variable("port", _number),
        "SENTRI_PRODUCTION": Variable("production", _flag),
        "SENTRI_SECRET": Variable("secret", secret=True),
        "SENTRI_KEY_ENCRYPTION_SECRET": Variable("key_encryption_secret", secret=True),
        "SENTRI_OTHER_KEY_ENCRYPTION_SECRET": Variable("other_key_encryption_secret", secret=True),
        "SENTRI_ALGORITHM": Variable("algorithm"),
        "SENTRI_VALID_ROLES": Variable("valid_roles", _names),
        "SENTRI_REGISTRATION_ROLES": Variable("registration_roles", _names),
        "SENTRI_ADMIN_ROLES": Variable("admin_roles", _names),
        "SENTRI_API_KEY": Variable("api_key", secret=True),
        "SENTRI_REGISTRATION": Variable("registration", _flag),
        "SENTRI_ISSUER": Variable("issuer"),
        "SENTRI_AUDIENCE": Variable("audience", _names),
        "SENTRI_ACCESS_EXPIRES_IN": Variable("access_expires_in", _number),
        "SENTRI_REFRESH_EXPIRES_IN": Variable("refresh_expires_in", _number),
        "SENTRI_SESSION_EXPIRES_IN": Variable("session_expires_in", _number),
        "SENTRI_SESSION_DETAILS": Variable("session_details", _flag),
        "SENTRI_REFRESH_LEEWAY": Variable("refresh_leeway", _number),
        "SENTRI_REAUTH_WITHIN": Variable("reauth_within", _number),
        "SENTRI_SALT_ROUNDS": Variable("salt_rounds", _number),
        "SENTRI_TRUSTED_PROXIES": Variable("trusted_proxies", _names),
        "SENTRI_RATE_LIMIT": Variable("rate_limit", _flag),
        "SENTRI_PASSWORD_HASH": Variable("password_hash"),
        "SENTRI_PASSWORD_POLICY": Variable("password_policy"),
        "SENTRI_REDIS_URL": Variable("redis_url", secret=True),
        "SENTRI_NAMESPACE": Variable("namespace"),
        "SENTRI_TELEMETRY": Variable("telemetry", _flag),
        "SENTRI_MIGRATE_ON_STARTUP": Variable("migrate_on_startup", _flag),
    }
)
"""Environment variable → what it sets. The secret ones are there as `<NAME>_FILE` too."""

_FILES: Final = MappingProxyType({f"{name}_FILE": name for name, variable in VARIABLES.items() if variable.secret})
_OWN_READERS: Final[Mapping[str, Callable[[object], Any]]] = MappingProxyType(
    {"host": readers.text, "port": readers.whole(0, 65535), "production": readers.flag}
)
_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "db": "sqlite://sentri.db",
        "valid_roles": ["user", "admin"],
        "host": "127.0.0.1",
        "port": 8080,
        "production": False,
    }
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment and the arguments say.

    Attributes:
        options: keywords of `create_auth`; without `secret` and `algorithm`, of `create_auth_server`.
        host: where to listen.
        port: where to listen; 0 is any free one.
        production: whether unsafe settings are refused.
        stated: option → the variable or the argument that set it.
        findings: what is wrong, so far.
    """

    options: Mapping[str, Any] = field(repr=False)
    host: str
    port: int
    production: bool
    stated: Mapping[str, str]
    findings: tuple[str, ...]

    def in_own_words(self, message: str) -> str:
        """A `CONFIGURATION_ERROR` about options, told about the variables and arguments that set them."""
        return _FINDING.sub(lambda found: self.stated.get(found[0]) or _VARIABLE_OF[found[0]], message)


_VARIABLE_OF: Final = MappingProxyType({variable.option: name for name, variable in VARIABLES.items()})
_FINDING: Final = re.compile(rf"(?:^|(?<=; ))(?:{'|'.join(_VARIABLE_OF)})\b")


def read_environment(environ: Mapping[str, str], **arguments: Any) -> Settings:
    """The settings; what cannot be read is among their `findings`, by variable.

    Args:
        environ: all the environment variables; those that do not begin with `SENTRI_` are somebody else's.
        arguments: given on the command line (None: not given): `database_url=` stands for `--database-url`, and
            takes the place of `SENTRI_DATABASE_URL`.
    """
    reading = _Reading()
    for name, value in arguments.items():
        if value is not None:
            reading.argument(name, value)
    for name in sorted(environ):
        if name.startswith(_PREFIX) and not _is_foreign(name, environ[name]):
            reading.variable(name, environ)
    return reading.settings()


class _Reading:
    """One pass over everything that was given."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._stated: dict[str, str] = {}
        self._findings: list[str] = []

    def argument(self, name: str, value: Any) -> None:
        """One argument of the command line; its value is what the option takes."""
        option = VARIABLES[f"{_PREFIX}{name.upper()}"].option
        self._stated[option] = f"--{name.replace('_', '-')}"
        self._values[option] = value

    def variable(self, name: str, environ: Mapping[str, str]) -> None:
        """One environment variable."""
        plain = _FILES.get(name, name)
        known = VARIABLES.get(plain)
        if known is None:
            self._findings.append(f"{name}: unknown variable{suggestion(name, [*VARIABLES, *_FILES])}")
        elif plain != name and plain in environ:
            self._findings.append(f"{plain} and {name} are both set; give one of them")
        elif known.option not in self._stated:  # else an argument takes its place
            self._stated[known.option] = name
            try:
                self._values[known.option] = known.value(_text(name, environ[name], known))
            except Wrong as wrong:
                self._findings.append(f"{name} {wrong}")

    def settings(self) -> Settings:
        """All of it, defaults where nothing was given."""
        self._join_secrets()
        if "algorithm" in self._stated and self._stated.keys().isdisjoint({"secret", "key_encryption_secret"}):
            self._findings.append(
                f"{self._stated['algorithm']} needs SENTRI_SECRET or SENTRI_SECRET_FILE, the key that it signs with, "
                "or SENTRI_KEY_ENCRYPTION_SECRET, which keeps such keys"
            )
            self._values.pop("algorithm", None)
        values = {**_DEFAULTS, **self._values}
        own = {option: self._own(option, values.pop(option)) for option in _OWN_READERS}
        return Settings(options=values, **own, stated=self._stated, findings=tuple(self._findings))

    def _join_secrets(self) -> None:
        """The option takes a list; a variable holds one secret, since any character may be part of it."""
        other = self._values.pop("other_key_encryption_secret", None)
        if "key_encryption_secret" in self._values and other is not None:
            self._values["key_encryption_secret"] = [self._values["key_encryption_secret"], other]
        elif "other_key_encryption_secret" in self._stated and "key_encryption_secret" not in self._stated:
            self._findings.append(
                f"{self._stated['other_key_encryption_secret']} decrypts beside SENTRI_KEY_ENCRYPTION_SECRET; set that "
                "too"
            )

    def _own(self, option: str, value: Any) -> Any:
        try:
            return _OWN_READERS[option](value)
        except Wrong as wrong:
            self._findings.append(f"{self._stated[option]} {wrong}")
            return _DEFAULTS[option]


def _text(name: str, text: str, variable: Variable) -> str:
    # Empty is no way to unset: an empty SENTRI_API_KEY would open the registration that it is there to close.
    if not text.strip():
        raise Wrong("is empty; give a value, or unset it")
    if name in _FILES:
        return _content(text)
    return text if variable.secret else text.strip()


def _content(path: str) -> str:
    try:
        content = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise Wrong(f"names {path!r}, which cannot be read: {error.strerror}") from None
    except ValueError:
        raise Wrong(f"names {path!r}, which is not a file of UTF-8 text") from None
    if not content.strip():
        raise Wrong(f"names {path!r}, which is empty")
    return content


def _is_foreign(name: str, value: str) -> bool:
    """Whether a variable with our prefix is somebody else's."""
    if name == f"{_PREFIX}PORT":
        return value.startswith(("tcp://", "udp://"))  # Kubernetes's, too
    return name.startswith((_OF_TESTS, *_OF_KUBERNETES))
