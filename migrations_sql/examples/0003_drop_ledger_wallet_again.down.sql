CREATE INDEX CONCURRENTLY ledger_wallet_again ON economy_deltacrowntransaction (wallet_id);
