// One session as the coordinator shows it, kept as it is by the stream: what it says of itself soon after, what it says
// of its children at most once a second.
import { useQuery } from "@tanstack/react-query";
import { call } from "../api/client";
import type { Session } from "../api/schema";
import { spendsBeside } from "./costs";
import { changesChildren, changesItself } from "./facts";
import { useFresh } from "./fresh";
import { board } from "./stores";

const CHILDREN_GATHER_MS = 1_000;
const SPENT_GATHER_MS = 1_000;

function parentOf(sessionId: string): string | null | undefined {
  return board.get().state.rows[sessionId]?.parent_session_id;
}

export function useSession(sessionId: string) {
  useFresh(["session", sessionId], (event) => changesItself(event, sessionId));
  useFresh(["session", sessionId], (event) => changesChildren(event, sessionId, parentOf), CHILDREN_GATHER_MS);
  useFresh(["session", sessionId], (event) => event.type === "usage" && spendsBeside(board.get().state.rows, event.session_id, sessionId), SPENT_GATHER_MS);
  return useQuery<Session, Error>({
    queryKey: ["session", sessionId],
    queryFn: () => call("GET /sessions/{session_id}", { path: { session_id: sessionId } }),
  });
}
