"""The schema's versions, by Alembic: a new database is created, a known one upgraded, any other refused."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from consortium.errors import Code, CreditError

MIGRATIONS = Path(__file__).parent / "migrations"
SCHEMA_LOCK = 0x637265646974_7363  # "creditsc"


def check_or_create(engine: Engine) -> None:
    """
    Create the schema in an empty database; leave the newest alone; refuse any other.

    Raises CreditError(STORAGE_SCHEMA): an older version is upgraded by `credit-gateway upgrade`, never by a start.
    """
    config = _config()
    newest = ScriptDirectory.from_config(config).get_current_head()
    found = current_version(engine)
    if found is None:
        upgrade_schema(engine)
    elif found != newest:
        raise CreditError(Code.STORAGE_SCHEMA, f"schema {found}, this version knows {newest}")


def current_version(engine: Engine) -> str | None:
    """Give the schema's version, None for an empty database."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade_schema(engine: Engine) -> None:
    """Bring the schema to the newest version, in one transaction; replicas that start at once wait for each other."""
    config = _config()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config
