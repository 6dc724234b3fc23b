// How both entries read lists: how long they are fresh, and when a question is asked again.
import { QueryClient } from "@tanstack/react-query";
import { Problem } from "./api/client";

export function newQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        refetchOnWindowFocus: true,
        retry: (failures, error) => failures < 5 && error instanceof Problem && error.isTemporary,
      },
    },
  });
}
