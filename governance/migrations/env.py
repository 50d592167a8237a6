"""Run by Alembic. The connection, and the transaction it is in, come from ``upgrade.py``."""

from alembic import context

from governance.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
