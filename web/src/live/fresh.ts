// Lists that pages read from the API, kept fresh: read again when an event says that they may have changed.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { connection, onEvents } from "./stores";
import type { Event } from "./types";

const GATHER_MS = 250;

/** Reads the queries below `key` again, soon after an event that `concerns` them or a gap; a long answer less often. */
export function useFresh(key: readonly unknown[], concerns: (event: Event) => boolean, gatherMs = GATHER_MS): void {
  const queries = useQueryClient();
  const name = JSON.stringify(key);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void queries.invalidateQueries({ queryKey: JSON.parse(name) as unknown[] });
      }, gatherMs);
    };
    const stop = onEvents((events) => timer === undefined && events.some(concerns) && again());
    const stopGaps = connection.read((message) => message.kind === "gap" && again());
    return () => {
      stop();
      stopGaps();
      clearTimeout(timer);
      // Nobody hears from now on what becomes of it: who comes back reads it again, however soon.
      void queries.invalidateQueries({ queryKey: JSON.parse(name) as unknown[], refetchType: "none" });
    };
    // What concerns a list is a constant of its page.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [queries, name, gatherMs]);
}
