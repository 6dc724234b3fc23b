// H3: a question with numbered choices, and a plan; what only looks like one is shown as a request like any other.
import { describe, expect, test } from "vitest";
import { planOf, questionsOf, withAnswers } from "./questions";

const INPUT = {
  questions: [
    { question: "Which port?", header: "Port", options: [{ label: "80", description: "the usual one" }, { label: "8080" }] },
    { question: "Which tests?", multiSelect: true, options: [{ label: "unit" }, { label: "slow" }] },
  ],
};

describe("a question", () => {
  test("has its choices, and its answers are added to what was asked", () => {
    const questions = questionsOf("AskUserQuestion", INPUT) ?? [];
    expect(questions).toMatchObject([{ choices: [{ label: "80", description: "the usual one" }, { label: "8080" }], several: false }, { several: true }]);
    expect(withAnswers(INPUT, questions, [{ chosen: ["8080"], other: "" }])).toBeNull();
    const answered = [{ chosen: ["8080"], other: "" }, { chosen: ["slow", "unit"], other: " lint " }];
    expect(withAnswers(INPUT, questions, answered)).toEqual({ ...INPUT, answers: { "Which port?": "8080", "Which tests?": "unit, slow, lint" } });
  });

  test.each([
    ["Bash", INPUT], ["AskUserQuestion", null], ["AskUserQuestion", { questions: "x" }], ["AskUserQuestion", { questions: [] }],
    ["AskUserQuestion", { questions: [{ question: "?", options: [] }] }], ["AskUserQuestion", { questions: [null] }],
    ["AskUserQuestion", { questions: [INPUT.questions[0], INPUT.questions[0]] }],
  ])("of another shape is none: %s %j", (name, input) => expect(questionsOf(name, input)).toBeNull());

  test("may be a plan", () => {
    expect([planOf("ExitPlanMode", { plan: "# One" }), planOf("ExitPlanMode", {}), planOf("Bash", { plan: "x" })]).toEqual(["# One", "", null]);
  });
});
