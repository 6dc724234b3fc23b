// What some requests of agents really are: questions with answers to choose from, or a plan. Pure; what does not have
// just this shape is a request for permission like any other.

export interface Choice {
  label: string;
  description: string;
}
export interface Question {
  question: string;
  header: string;
  choices: readonly Choice[];
  several: boolean;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const objects = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) && value.every((one) => typeof one === "object" && one !== null) ? (value as Record<string, unknown>[]) : []);
const MOST = 9;

/** The questions of a request, if it is one of these. */
export function questionsOf(toolName: string, input: unknown): readonly Question[] | null {
  if (toolName !== "AskUserQuestion" || typeof input !== "object" || input === null) return null;
  const found = objects((input as Record<string, unknown>).questions).map((one) => ({
    question: text(one.question), header: text(one.header), several: one.multiSelect === true,
    choices: objects(one.options).map((choice) => ({ label: text(choice.label), description: text(choice.description) })).filter((choice) => choice.label),
  }));
  const told = found.every((one) => one.question && one.choices.length > 0 && one.choices.length <= MOST);
  return told && found.length > 0 && new Set(found.map((one) => one.question)).size === found.length ? found : null;
}

/** The plan that a request asks to be approved, if it is one of these; empty where the agent wrote it elsewhere. */
export function planOf(toolName: string, input: unknown): string | null {
  if (toolName !== "ExitPlanMode" || typeof input !== "object" || input === null) return null;
  return text((input as Record<string, unknown>).plan);
}

/** What was chosen of each question, and what was written besides. */
export interface Answered {
  chosen: readonly string[];
  other: string;
}

/** The input with the answers, as the agent reads them; null while a question has none. */
export function withAnswers(input: unknown, questions: readonly Question[], answered: readonly Answered[]): Record<string, unknown> | null {
  const answers: Record<string, string> = {};
  for (const [index, one] of questions.entries()) {
    const { chosen = [], other = "" } = answered[index] ?? {};
    const said = [...one.choices.map((choice) => choice.label).filter((label) => chosen.includes(label)), ...(other.trim() ? [other.trim()] : [])];
    if (said.length === 0) return null;
    answers[one.question] = said.join(", ");
  }
  return { ...(input as Record<string, unknown>), answers };
}
