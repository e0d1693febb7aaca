-- (wallet_id, created_at) and (wallet_id, id) both begin with wallet_id.
DROP INDEX CONCURRENTLY ledger_wallet;
