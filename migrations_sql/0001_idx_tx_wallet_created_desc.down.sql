-- CONCURRENTLY, for a plain DROP INDEX waiting behind one open transaction makes every later reader queue behind it.
DROP INDEX CONCURRENTLY idx_tx_wallet_created_desc;
