// What a conversation reads besides its log and its session: its newest runs and its children, kept fresh by the stream.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { call } from "../api/client";
import type { Session } from "../api/schema";
import { useFresh } from "../live/fresh";
import { board, useStore } from "../live/stores";

const NEWEST_RUNS = 50;
const MOST_CHILDREN = 200;

/** Its newest runs; those that wait are among them. */
export function useRuns(sessionId: string) {
  return useQuery({
    queryKey: ["session", sessionId, "newest runs"],
    queryFn: () => call("GET /sessions/{session_id}/runs", { path: { session_id: sessionId }, query: { limit: NEWEST_RUNS } }),
  }).data?.items;
}

/** The children as they are now: the callboard knows those that work better than a list that was read before. */
export function useChildren(sessionId: string): readonly Session[] {
  useFresh(["children", sessionId], (event) => event.type === "session_created" && event.payload.parent_session_id === sessionId);
  const found = useQuery({
    queryKey: ["children", sessionId],
    queryFn: () => call("GET /sessions", { query: { parent_session_id: sessionId, limit: MOST_CHILDREN } }),
  }).data?.items;
  const { rows } = useStore(board).state;
  return useMemo(() => (found ?? []).map((child) => rows[child.session_id] ?? child), [found, rows]);
}
