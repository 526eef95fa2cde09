"""The one settings object: environment variables (`ONHAND_...`) over `onhand.toml` over defaults."""

import tomllib
from functools import lru_cache
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from data_access.errors import InvalidInput

FILE = "onhand.toml"


class Settings(BaseSettings):
    """What can be set. `docs/settings.md` is generated from it."""

    model_config = SettingsConfigDict(env_prefix="ONHAND_", toml_file=FILE, extra="forbid")

    database_url: str = Field("sqlite:///var/onhand.db", description="The store: `sqlite:///path` or `postgresql://user@host/name`.")
    var_dir: Path = Field(Path("var"), description="Folder for files that the app keeps beside the store.")
    host: str = Field("127.0.0.1", description="Address the app listens on.")
    port: int = Field(8501, ge=1, le=65535, description="Port the app listens on; `make run PORT=` sets it.")

    @property
    def mirror_dir(self) -> Path:
        """Folder of the columnar mirror of history."""
        return self.var_dir / "mirror"

    @property
    def forecasts_dir(self) -> Path:
        """Folder of the files of forecast runs."""
        return self.var_dir / "forecasts"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file; no .env, no secrets folder."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        InvalidInput: a setting has a wrong value or an unknown name, or the file is not TOML.

    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"])
        raise InvalidInput(
            f"The setting {name} is wrong ({first['msg'].lower()}): mend ONHAND_{name.upper()} in the environment or {name} in {FILE}."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"The file {FILE} is not valid TOML ({error}): mend it or take it away.") from error
