// Where a session's work is: its runner by name, as a link; its host where no runner is known.
import { Link } from "../navigation";
import { useRunnerPlaces } from "./filterable";
import { inert } from "./inert";

interface Bound {
  hostname: string | null;
  binding: { runner_id: string | null } | null;
}

export function Where({ session, before = "on " }: { session: Bound; before?: string }) {
  const runnerId = session.binding?.runner_id ?? "";
  const place = useRunnerPlaces().get(runnerId);
  if (place) return <span>{before}<Link to={`/runners/${runnerId}`}>{inert(place)}</Link></span>;
  return session.hostname ? <span>{before}{inert(session.hostname)}</span> : null;
}
