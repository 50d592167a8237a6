"""How the tables came to be, step by step (Alembic). Shipped with the package: an installed restyle migrates itself."""
