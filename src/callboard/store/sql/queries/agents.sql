-- name: agents_by_name
-- All agents of a name; each source has at most one.
SELECT * FROM agents WHERE name = :name ORDER BY name, scope, source LIMIT 500;

-- name: agents_after
-- A page of agents, by name; the empty text is no filter.
SELECT * FROM agents
WHERE (name, scope, source) > (:name, :scope, :source)
    AND (:project_id = '' OR project_id IS NULL OR project_id = :project_id)
ORDER BY name, scope, source LIMIT :limit;

-- name: agents_of_shared_names
-- Agents between two names whose name several sources have.
SELECT * FROM agents WHERE name >= :first AND name <= :last
    AND name IN (SELECT name FROM agents WHERE name >= :first AND name <= :last GROUP BY name HAVING count(*) > 1)
ORDER BY name, scope, source LIMIT 1000;

-- name: agents_of_source
-- What was uploaded of one directory.
SELECT * FROM agents WHERE scope = :scope AND source = :source ORDER BY name LIMIT 1000;

-- name: insert_agent
-- A new agent, unless its source has one of that name.
INSERT INTO agents (scope, source, name, project_id, hostname, directory, path, file_hash, definition, etag,
    created_by, created_at, updated_at)
VALUES (:scope, :source, :name, :project_id, :hostname, :directory, :path, :file_hash, :definition, :etag,
    :created_by, :now, :now)
ON CONFLICT (scope, source, name) DO NOTHING;

-- name: change_agent
-- An agent as it is from now on, if it is still the one that was seen.
UPDATE agents SET definition = :definition, etag = :new_etag, path = :path, file_hash = :file_hash, updated_at = :now
WHERE scope = :scope AND source = :source AND name = :name AND etag = :etag;

-- name: delete_agent
-- Removes an agent, if it is still the one that was seen.
DELETE FROM agents WHERE scope = :scope AND source = :source AND name = :name AND etag = :etag;

-- name: name_agent_of_session
-- The agent that a session goes on with.
UPDATE sessions SET agent_name = :agent_name, updated_at = :now WHERE session_id = :session_id;
