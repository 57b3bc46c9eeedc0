"""Alembic's entry: always on a connection that `migrate.py` brings."""

from alembic import context

from trunkline_hub.db.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
