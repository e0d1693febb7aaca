-- The newest entries of a ref: a common one, a rare one with three old entries, and one that does not exist. The last two
-- are where a walk from the newest entry on never ends early; with so few rows a sort of them is not a problem.
-- parameters: {"ref_id": 7}
-- also: {"ref_id": 900001}
-- also: {"ref_id": 999999}
SELECT id, event, actor_id, ref_type, ref_id, meta, created_at
FROM moderation_audit
WHERE ref_id = %(ref_id)s
ORDER BY created_at DESC
LIMIT 100;
