"""The one settings object: environment variables (`ONHAND_...`) over `onhand.toml` over defaults."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from dashboard.addresses import origin
from data_access.errors import InvalidInput

FILE = "onhand.toml"


class Settings(BaseSettings):
    """What can be set. `docs/settings.md` is generated from it."""

    model_config = SettingsConfigDict(env_prefix="ONHAND_", toml_file=FILE, extra="forbid")

    database_url: str = Field(
        "sqlite:///var/onhand.db", repr=False, description="The store: `sqlite:///path` or `postgresql://user@host/name`."
    )
    var_dir: Path = Field(Path("var"), description="Folder for files that the app keeps beside the store, for its owner alone (0700).")
    host: str = Field("127.0.0.1", description="Address the app listens on.")
    port: int = Field(8501, ge=1, le=65535, description="Port the app listens on; `make run PORT=` sets it.")
    origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Further addresses at which people open the app, through a proxy or a tunnel or by another name of the machine: "
        "`https://stock.example.com`, several with commas between them (in the file a list). Requests for other addresses are refused.",
    )

    @field_validator("origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            if origin(text) is None:
                raise ValueError(f"{text} is not an address like https://stock.example.com or http://192.168.1.4:8501")
        return value

    @property
    def mirror_dir(self) -> Path:
        """Folder of the columnar mirror of history."""
        return self.var_dir / "mirror"

    @property
    def forecasts_dir(self) -> Path:
        """Folder of the files of forecast runs."""
        return self.var_dir / "forecasts"

    @property
    def imports_dir(self) -> Path:
        """Folder of the files that people dropped on the Import page."""
        return self.var_dir / "imports"

    @property
    def mappings_dir(self) -> Path:
        """Folder of the mappings that people made on the Import page."""
        return self.var_dir / "mappings"

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
        reason = first["msg"].lower().removeprefix("value error, ")
        raise InvalidInput(
            f"The setting {name} is wrong ({reason}): mend ONHAND_{name.upper()} in the environment or {name} in {FILE}."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"The file {FILE} is not valid TOML ({error}): mend it or take it away.") from error
