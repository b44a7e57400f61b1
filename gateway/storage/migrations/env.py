"""Runs Alembic on the connection that `gateway.storage.schema` hands over."""

from alembic import context

from gateway.storage.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
