-- Sessions that go on from what another one was told and did.

ALTER TABLE sessions ADD COLUMN forked_from TEXT;   -- session_id, of another tree: nothing ties the two
