-- A wallet's history, newest first: the first page.
-- parameters: {"wallet_id": 42}
SELECT id, wallet_id, amount, cached_balance_after, reason, note, created
FROM economy_economytransaction
WHERE wallet_id = %(wallet_id)s
ORDER BY created DESC
LIMIT 50;
