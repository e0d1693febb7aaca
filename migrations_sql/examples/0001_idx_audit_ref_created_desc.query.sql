-- The newest entries of a ref. A rare ref and an absent one are where a walk from the newest entry on never ends early.
-- parameters: {"ref_id": 900001}
-- also: {"ref_id": 999999}
-- also: {"ref_id": 7}
SELECT id, event, actor_id, ref_type, ref_id, meta, created_at
FROM moderation_audit
WHERE ref_id = %(ref_id)s
ORDER BY created_at DESC
LIMIT 100;
