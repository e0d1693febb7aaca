-- The newest moderation actions on one reference: found in order, without reading the table or sorting.
-- No IF NOT EXISTS: it would take an INVALID leftover of a failed build, or another index of this name, for success.
CREATE INDEX CONCURRENTLY idx_moderation_ref_created_desc
    ON support_moderationaction (ref_id, created DESC);
