// What a filter finds of sessions that do not stand on the callboard: asked for by all its words, and where nothing has them
// all by the longest, as the others may be of what only a page knows; page by page until enough fits.
import { useInfiniteQuery, type InfiniteData } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { call } from "../../api/client";
import type { Page, Session } from "../../api/schema";
import { wordsOf, type Filter } from "../../live/filter";
import { useSettled } from "../../parts/settled";

const LEAST_LETTERS = 2;
const MOST_LETTERS = 200;
const PAGE = 100;
/** After so many that fit, or so many pages, somebody says whether it is looked further. */
const ENOUGH = 50;
const PAGES = 4;
const FRESH_MS = 10_000;
const NONE: readonly Page<Session>[] = [];

interface Mark {
  q: string;
  page?: string;
}

export function useFurtherBack(filter: Filter, fits: (session: Session) => boolean) {
  const words = wordsOf(filter).join(" ").slice(0, MOST_LETTERS);
  const sought = useSettled(words);
  const [times, setTimes] = useState(1);
  useEffect(() => setTimes(1), [sought]);
  const found = usePages(sought);
  const isSought = words.length >= LEAST_LETTERS;
  const pages = (isSought ? found.data?.pages : undefined) ?? NONE;
  const sessions = useMemo(() => pages.flatMap((page) => page.items).filter(fits), [pages, fits]);
  const { hasNextPage, isFetching, isError, fetchNextPage } = found;
  const hasMore = isSought && hasNextPage;
  const goesOn = hasMore && sought === words && !isError && sessions.length < ENOUGH * times && pages.length < PAGES * times;
  useEffect(() => {
    if (goesOn && !isFetching) void fetchNextPage();
  }, [goesOn, isFetching, fetchNextPage]);
  const isLooking = isFetching || goesOn || sought !== words;
  const looked = pages.reduce((sum, page) => sum + page.items.length, 0);
  const said = sessions.length > 0 || isError ? "" : isLooking ? "Looking …" : hasMore ? `None of the ${looked} newest with these words fits.` : "None of these fits.";
  return {
    isSought, sessions, hasMore, said, problem: isSought ? found.error : null, again: () => void found.refetch(),
    lookOn: hasMore && !isLooking && !isError ? () => setTimes(times + 1) : null,
  };
}

function usePages(sought: string) {
  const longest = sought.split(/\s+/).sort((one, other) => other.length - one.length)[0] ?? "";
  return useInfiniteQuery<Page<Session>, Error, InfiniteData<Page<Session>>, string[], Mark>({
    queryKey: ["further back", sought],
    queryFn: ({ pageParam, signal }) => call("GET /sessions", { query: { ...pageParam, limit: PAGE }, signal }),
    initialPageParam: { q: sought },
    getNextPageParam: (last, pages, mark) => last.next_page ? { q: mark.q, page: last.next_page }
      : mark.q !== longest && pages.every((page) => page.items.length === 0) ? { q: longest } : undefined,
    enabled: sought.length >= LEAST_LETTERS,
    staleTime: FRESH_MS,
  });
}
