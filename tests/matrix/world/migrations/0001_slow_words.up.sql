CREATE INDEX CONCURRENTLY idx_kept_slow ON kept (slow(id));
