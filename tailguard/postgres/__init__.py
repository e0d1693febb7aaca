"""PostgreSQL: servers, plans, index migrations."""
