CREATE INDEX CONCURRENTLY ledger_wallet ON economy_deltacrowntransaction (wallet_id);
