-- The newest entries of a wallet's ledger: found in order, without reading the table or sorting.
-- No IF NOT EXISTS: it would take an INVALID leftover of a failed build, or another index of this name, for success.
CREATE INDEX CONCURRENTLY idx_tx_wallet_created_desc
    ON economy_economytransaction (wallet_id, created DESC);
