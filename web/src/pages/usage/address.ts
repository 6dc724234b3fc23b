// Where what was used stands: the address of a sum, of a group in it, of a session, and of the budget of one.
export interface Place {
  by: string;
  days: string;
  /** A group, as agent:reviewer; empty for all. */
  within: string;
  session: string;
}

export function usageAddress(place: Place): string {
  const query = new URLSearchParams();
  if (place.by !== "day") query.set("by", place.by);
  if (place.days !== "7") query.set("days", place.days);
  if (place.within) query.set("in", place.within);
  if (place.session) query.set("session", place.session);
  const text = query.toString();
  return text ? `/usage?${text}` : "/usage";
}

/** Where the budget of a session is seen and raised. */
export function budgetAddress(sessionId: string): string {
  return usageAddress({ by: "day", days: "7", within: "", session: sessionId });
}
