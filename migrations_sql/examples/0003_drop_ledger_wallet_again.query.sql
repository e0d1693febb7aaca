-- The sum of a wallet's ledger, which each new row of it asks for.
-- parameters: {"wallet_id": 7}
SELECT sum(amount)
FROM economy_deltacrowntransaction
WHERE wallet_id = %(wallet_id)s;
