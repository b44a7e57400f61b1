"""A PostgreSQL server for tests, from a wheel; one for each worker, made when first asked for."""

from dataclasses import dataclass

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    url: str

    def new_database(self, name: str) -> str:
        """Create an empty database and give its URL."""
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        engine.dispose()
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)
