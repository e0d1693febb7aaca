-- A wallet's history, newest first.
-- parameters: {"wallet_id": 7}
-- also: {"wallet_id": 999999}
SELECT id, wallet_id, amount, cached_balance_after, reason, note, created_at
FROM economy_deltacrowntransaction
WHERE wallet_id = %(wallet_id)s
ORDER BY created_at DESC
LIMIT 50;
