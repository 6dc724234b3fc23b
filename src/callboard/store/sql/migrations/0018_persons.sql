-- Whose request it was, as the token of a person and never as that of a browser: the browser's login is forgotten, the
-- token that let it in is not. What tokens that are still known have made is told by them; the rest stays unknown.

ALTER TABLE sessions ADD COLUMN person_id TEXT;    -- token_id of who began the tree; null: not recorded
ALTER TABLE runs ADD COLUMN person_id TEXT;        -- token_id of who asked for the run, else of who began its tree

UPDATE sessions SET person_id = (WITH RECURSIVE makers (token_id, kind, made_by) AS (
        SELECT t.token_id, t.kind, t.made_by FROM tokens t WHERE t.token_id = sessions.created_by
        UNION SELECT t.token_id, t.kind, t.made_by FROM makers JOIN tokens t ON t.token_id = makers.made_by)
    SELECT token_id FROM makers WHERE made_by IS NULL AND kind IN ('owner', 'user', 'browser'))
WHERE depth = 0;
UPDATE sessions SET person_id = (SELECT s.person_id FROM sessions s WHERE s.session_id = sessions.root_session_id)
WHERE depth > 0;
UPDATE runs SET person_id = coalesce((WITH RECURSIVE makers (token_id, kind, made_by) AS (
        SELECT t.token_id, t.kind, t.made_by FROM tokens t WHERE t.token_id = runs.created_by
        UNION SELECT t.token_id, t.kind, t.made_by FROM makers JOIN tokens t ON t.token_id = makers.made_by)
    SELECT token_id FROM makers WHERE made_by IS NULL AND kind IN ('owner', 'user', 'browser')),
    (SELECT s.person_id FROM sessions s WHERE s.session_id = runs.session_id));
