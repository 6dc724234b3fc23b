// What somebody wrote as a budget: an amount, no limit, or what is wrong with it. Pure.

/** What a field holds: nothing is no limit. */
export type Written = { amount: number | null } | { wrong: string };

const MORE_THAN_NOTHING = "More than 0: to let nothing run any more, stop it.";
const MOST = 9_000_000_000_000_000;

export function readDollars(text: string): Written {
  const plain = text.trim().replace(/^\$/, "").trim();
  if (plain === "") return { amount: null };
  if (/^\d+,\d+$/.test(plain)) return { wrong: `Dollars are written with a point: ${plain.replace(",", ".")}` };
  if (!/^\d*\.?\d+$/.test(plain)) return { wrong: "It has to be a number of dollars, as 2.50." };
  return bounded(Math.round(Number(plain) * 1_000_000));
}

export function readTokens(text: string): Written {
  const plain = text.trim().replaceAll(/[\s_]/g, "");
  if (plain === "") return { amount: null };
  return /^\d+$/.test(plain) ? bounded(Number(plain)) : { wrong: "It has to be a whole number of tokens, as 200000." };
}

function bounded(amount: number): Written {
  if (amount <= 0) return { wrong: MORE_THAN_NOTHING };
  return amount > MOST ? { wrong: "That is more than can be kept." } : { amount };
}
