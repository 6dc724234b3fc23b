-- Who let a browser in: its login ends with that token. Logins from before this have no maker.

ALTER TABLE tokens ADD COLUMN made_by TEXT;    -- token_id of a browser's maker, itself perhaps a browser's
CREATE INDEX tokens_by_maker ON tokens (made_by) WHERE made_by IS NOT NULL;
