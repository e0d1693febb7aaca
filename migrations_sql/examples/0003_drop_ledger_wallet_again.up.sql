-- A second index on the same column: no query can tell it from the first.
DROP INDEX CONCURRENTLY ledger_wallet_again;
