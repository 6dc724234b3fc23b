// What the coordinator's validator says of a place, in the words of people. Pure; what is not known here stays as it is.

const WORDS: readonly (readonly [RegExp, (found: RegExpMatchArray) => string])[] = [
  [/^Expected `str` matching regex '\^\[A-Za-z0-9\]\[([A-Za-z0-9_.-]*)\]\{0,(\d+)\}\$'/, ([, then, most]) => `only letters, digits${[".", "-", "_"].filter((one) => then?.replace("A-Za-z0-9", "").includes(one)).map((one) => `, ${one}`).join("")}, the first a letter or a digit, at most ${Number(most) + 1}`],
  [/^Expected `str` matching regex /, () => "it has characters, or a form, that are not allowed here"],
  [/^Expected `str` of length >= 1$/, () => "it is needed"],
  [/^Expected `str` of length (<=|>=) (\d+)$/, ([, sign, most]) => `it has to have ${sign === "<=" ? "at most" : "at least"} ${most} characters`],
  [/^Expected `(?:int|float)` (<=|>=|<|>) (-?[\d.]+)$/, ([, sign, bound]) => `it has to be ${BOUNDS[sign ?? ""]} ${bound}`],
  [/^Expected `int(?: \| null)?`, got /, () => "it has to be a whole number"],
  [/^Expected `str(?: \| null)?`, got /, () => "it has to be a text"],
  [/^Object missing required field /, () => "it is needed"],
  [/^Invalid enum value (.*?); it is one of (.*)$/, ([, value, all]) => `there is no ${value}; it is one of ${all}`],
];
const BOUNDS: Record<string, string> = { "<=": "at most", ">=": "at least", "<": "less than", ">": "more than" };

export function plainMessage(message: string): string {
  for (const [pattern, words] of WORDS) {
    const found = pattern.exec(message);
    if (found) return words(found);
  }
  return message;
}

/** The same as a sentence for its field. */
export function plainSentence(message: string): string {
  const words = plainMessage(message);
  return words === message ? message : `${capital(words)}.`;
}

function capital(words: string): string {
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}

/** The sentence for a refusal of one place; null where the coordinator's own is as good. */
export function plainDetail(errors: readonly Record<string, unknown>[]): string | null {
  const [error] = errors;
  const message = String(error?.message ?? "");
  if (errors.length !== 1 || plainMessage(message) === message) return null;
  const place = String(error?.pointer ?? "").replace(/^\?query\//, "").replace(/^\//, "").replaceAll("_", " ");
  return `${capital(place) || "What was sent"}: ${plainMessage(message)}.`;
}
