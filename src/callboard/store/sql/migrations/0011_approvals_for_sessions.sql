-- A decision may hold for the rest of the session: for what has the same grant_key; empty where it never may.

ALTER TABLE approvals ADD COLUMN grant_key TEXT NOT NULL DEFAULT '';
ALTER TABLE approvals ADD COLUMN scope TEXT NOT NULL DEFAULT 'once' CHECK (scope IN ('once', 'session'));
ALTER TABLE approvals ADD COLUMN granted_by TEXT;   -- the approval whose decision for the session allowed this one

CREATE INDEX approvals_for_sessions ON approvals (session_id, grant_key) WHERE scope = 'session' AND status = 'allowed';
