// The days of a time as bars: each as high as what it cost, and a way to its sessions.
import type { UsageGroup } from "../../api/schema";
import { serverNow } from "../../live/clock";
import { Link } from "../../navigation";
import { money } from "../../parts/format";
import { usageAddress, type Place } from "./address";
import css from "./usage.module.css";

const DAY_MS = 86_400_000;
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });

export function Days({ days, from, place }: { days: readonly UsageGroup[]; from: string; place: Place }) {
  const known = new Map(days.map((one) => [one.key, one]));
  const all: { key: string; group: UsageGroup | undefined }[] = [];
  for (let at = Date.parse(from); at <= serverNow(); at += DAY_MS) {
    const key = new Date(at).toISOString().slice(0, 10);
    all.push({ key, group: known.get(key) });
  }
  if (all.length < 2) return null;
  const largest = Math.max(1, ...days.map((one) => one.usage.cost_microdollars ?? 0));
  return (
    <ul className={css.days} aria-label="Cost by day">
      {all.map(({ key, group }) => {
        const words = `${day.format(new Date(key))}: ${group ? money(group.usage) : "nothing"}`;
        const height = group ? Math.max(3, ((group.usage.cost_microdollars ?? 0) / largest) * 100) : 0;
        return (
          <li key={key} title={words}>
            {group && !place.within && !place.session ? <Link to={usageAddress({ ...place, within: `day:${key}` })} aria-label={words}><span style={{ blockSize: `${height}%` }} /></Link>
              : <span className={css.still}><span className="unseen">{words}</span><span aria-hidden="true" style={{ blockSize: `${height}%` }} /></span>}
            {all.length <= 10 && <small aria-hidden="true">{day.format(new Date(key))}</small>}
          </li>
        );
      })}
    </ul>
  );
}
