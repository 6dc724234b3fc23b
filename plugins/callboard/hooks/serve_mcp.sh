#!/bin/sh
# The MCP server of a conversation. Which session that is the hooks write into a file that is named after the process
# of the client, our parent; it is another one when the person turns to another conversation in the same process.
[ -z "${AGENT_RUN_ID:-}" ] || exec callboard mcp
directory="${CALLBOARD_DATA_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/callboard}"
exec callboard mcp --parent-file "$directory/plugin/client-$PPID.session"
