-- The moderation history of one reference, newest first: the first page.
-- parameters: {"ref_id": "TRN-2025-001"}
SELECT id, ref_id, event, actor_id, meta, created
FROM support_moderationaction
WHERE ref_id = %(ref_id)s
ORDER BY created DESC
LIMIT 100;
