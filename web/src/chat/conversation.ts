// A session's log as a conversation: who said what, tools folded, children where they were started, and below each
// answer what it took. Pure.
import { usualWindow } from "../live/context";
import type { Session, UsageTotal } from "../api/schema";
import { text } from "../live/board";
import type { ApprovalItem, EndItem, Item, MessageItem, NoteItem, ResultItem, RunItem, Timeline, ToolItem } from "../live/timeline";

export interface Said {
  kind: "said";
  key: string;
  at: string;
  run_id: string | null;
  /** person, agent, or what began the run instead of a person: callback, guidance, … */
  from: string;
  text: string;
  partial: boolean;
}
export interface Thought {
  kind: "thought";
  key: string;
  at: string;
  text: string;
}
export interface Tools {
  kind: "tools";
  key: string;
  at: string;
  run_id: string | null;
  items: ToolItem[];
  ended: boolean;
}
export interface Asked {
  kind: "approval";
  key: string;
  at: string;
  item: ApprovalItem;
}
export interface Child {
  kind: "child";
  key: string;
  at: string;
  session: Session;
}
export interface Footer {
  kind: "footer";
  key: string;
  at: string;
  run_id: string | null;
  end: EndItem;
  started_at: string | null;
  models: string[];
  usage: UsageTotal | null;
  /** What the last call of the model held, where calls are told one by one. */
  context: Context | null;
  /** Nothing came after it. */
  last: boolean;
}
export interface Context {
  tokens: number;
  /** How much fits, as models of this name usually have it; null where nobody knows. */
  window: number | null;
}
export interface Note {
  kind: "note";
  key: string;
  at: string;
  text: string;
}
/** A person's message that no agent took: the session was stopped, or nothing could be made of it. */
export interface Unheard {
  kind: "unheard";
  key: string;
  at: string;
  /** Of a message that was to become a run. */
  run_id?: string | null;
  text: string;
  why: string;
}
export type Block = Said | Thought | Unheard | Tools | Asked | Child | Footer | Note;

/** The conversation, oldest first; `children` are put where they were started, `prompts` stand for runs that never began. */
export function conversationOf(timeline: Timeline, children: readonly Session[], prompts: ReadonlyMap<string, string | null> = new Map()): Block[] {
  const writer = new Writer(prompts);
  for (const item of timeline.items) writer.add(item);
  for (const piece of timeline.partial.values()) {
    writer.blocks.push({ kind: "said", key: piece.key, at: "", run_id: piece.run_id, from: "agent", text: piece.text, partial: true });
  }
  return withChildren(writer.blocks, children);
}

class Writer {
  readonly blocks: Block[] = [];
  private readonly runs = new Map<string | null, RunItem>();
  private readonly models = new Map<string | null, Set<string>>();
  private readonly lastSaid = new Map<string | null, string>();
  private readonly offered = new Map<string, string>();
  private readonly contexts = new Map<string | null, Context>();

  constructor(private readonly prompts: ReadonlyMap<string, string | null>) {}

  add(item: Item): void {
    const base = { key: item.key, at: item.at, run_id: item.run_id };
    switch (item.kind) {
      case "run":
        this.runs.set(item.run_id, item);
        return;
      case "message":
        if (item.role === "user") this.blocks.push({ ...base, kind: "said", from: this.asker(item.run_id, item.message_id), text: item.text, partial: false });
        else this.answer(base, item);
        return;
      case "tool":
        return this.tool(base, item);
      case "approval":
        this.blocks.push({ key: item.key, at: item.at, kind: "approval", item });
        return;
      case "result":
        return this.result(base, item);
      case "end":
        return this.end(base, item);
      case "note":
        return this.note(item);
    }
  }

  private asker(runId: string | null, messageId: string | undefined): string {
    const trigger = this.runs.get(runId)?.trigger ?? "user";
    return messageId || trigger === "user" || trigger === "external" ? "person" : trigger;
  }

  private answer(base: { key: string; at: string; run_id: string | null }, item: MessageItem): void {
    if (item.thinking?.trim()) this.blocks.push({ kind: "thought", key: `${base.key} thought`, at: base.at, text: item.thinking });
    if (item.text.trim()) this.say(base, item.text);
  }

  private say(base: { key: string; at: string; run_id: string | null }, said: string): void {
    this.lastSaid.set(base.run_id, said.trim());
    this.blocks.push({ ...base, kind: "said", from: "agent", text: said, partial: false });
  }

  private tool(base: { key: string; at: string; run_id: string | null }, item: ToolItem): void {
    const before = this.blocks.at(-1);
    if (before?.kind === "tools" && before.run_id === item.run_id) before.items.push(item);
    else this.blocks.push({ ...base, kind: "tools", items: [item], ended: false });
  }

  /** What was said last is mostly the result: it is not said twice. */
  private result(base: { key: string; at: string; run_id: string | null }, item: ResultItem): void {
    const found = item.payload.result_text;
    const told = typeof found === "string" ? found : "```json\n" + JSON.stringify(item.payload.result_data ?? null, null, 2) + "\n```";
    if (told.trim() && told.trim() !== this.lastSaid.get(base.run_id)) this.say(base, told);
  }

  private end(base: { key: string; at: string; run_id: string | null }, item: EndItem): void {
    const prompt = item.run_id && !this.runs.has(item.run_id) ? this.prompts.get(item.run_id) : null;
    if (prompt && item.reason === "stopped") {
      this.blocks.push({ kind: "unheard", key: item.key, at: item.at, run_id: item.run_id, text: prompt, why: "It was stopped before it began." });
      return;
    }
    if (prompt) this.blocks.push({ ...base, key: `${item.key} prompt`, kind: "said", from: "person", text: prompt, partial: false });
    for (const block of this.blocks) {
      if (block.kind === "tools" && block.run_id === item.run_id) block.ended = true;
      if (block.kind === "footer") block.last = false;
    }
    this.blocks.push({
      ...base, kind: "footer", end: item, started_at: this.runs.get(item.run_id)?.at ?? null, last: true,
      context: this.contexts.get(item.run_id) ?? null, models: [...(this.models.get(item.run_id) ?? [])], usage: (item.payload.usage as UsageTotal | undefined) ?? null,
    });
  }

  /** While it is offered it waits below; taken, it stands where the agent took it. */
  private message(item: NoteItem): void {
    const { message_id: id, status, text: words, why } = item.payload;
    if (status === "offered") this.offered.set(text(id), text(words));
    else if (status === "cancelled" || status === "refused") {
      this.blocks.push({ kind: "unheard", key: item.key, at: item.at, text: this.offered.get(text(id)) ?? "", why: text(why) || "The session was stopped before its agent heard it." });
    }
  }

  private note(item: NoteItem): void {
    if (item.type === "usage") {
      const models = this.models.get(item.run_id) ?? new Set<string>();
      for (const row of (item.payload.rows as UsageRow[] | undefined) ?? []) {
        if (row.model) models.add(row.model);
        if (row.turns === 1) this.contexts.set(item.run_id, contextOf(row));
      }
      this.models.set(item.run_id, models);
      return;
    }
    if (item.type === "guidance" && item.payload.message_id) return this.message(item);
    if (item.type === "guidance") {
      this.blocks.push({ kind: "said", key: item.key, at: item.at, run_id: item.run_id, from: "guidance", text: text(item.payload.text), partial: false });
      return;
    }
    const words = noteWords(item);
    if (words) this.blocks.push({ kind: "note", key: item.key, at: item.at, text: words });
  }
}

interface UsageRow {
  model?: string;
  turns?: number;
  input_tokens?: number;
  output_tokens?: number;
  cache_read_tokens?: number;
  cache_creation_tokens?: number;
}

/** All that a call has read and written is what the next one reads. */
function contextOf(row: UsageRow): Context {
  const tokens = (row.input_tokens ?? 0) + (row.output_tokens ?? 0) + (row.cache_read_tokens ?? 0) + (row.cache_creation_tokens ?? 0);
  return { tokens, window: usualWindow(row.model ?? "") };
}

function noteWords(item: NoteItem): string {
  const { payload } = item;
  switch (item.type) {
    case "note": return text(payload.text);
    case "stop_requested": return "Stop asked for.";
    case "run_interrupted": return "Contact with the runner was lost; what follows is decided when it is back, or given up.";
    case "run_reconnected": return "The runner is back; the run goes on.";
    case "lifecycle_changed": return `Work: ${text(payload.from).replaceAll("_", " ")} → ${text(payload.to).replaceAll("_", " ")}`;
    case "check_completed": return `Check ${text(payload.name)}: ${payload.exit_code === 0 ? "passed" : "failed"}`;
    case "callback_undeliverable": return "A child's result could not be delivered.";
    default: return "";
  }
}

/** Both are by the coordinator's clock. */
function withChildren(blocks: Block[], children: readonly Session[]): Block[] {
  if (children.length === 0) return blocks;
  const coming = [...children].sort((one, other) => (one.created_at < other.created_at ? -1 : 1));
  const all: Block[] = [];
  let next = 0;
  const put = (until: string) => {
    for (let child = coming[next]; child && (until === "" || child.created_at < until); child = coming[++next]) {
      all.push({ kind: "child", key: child.session_id, at: child.created_at, session: child });
    }
  };
  for (const block of blocks) {
    if (block.at) put(block.at);
    all.push(block);
  }
  put("");
  return all;
}

/** Which runs and messages the log shows by what was said. */
export function shownPrompts(timeline: Timeline): { runs: Set<string>; messages: Set<string>; ended: Set<string> } {
  const runs = new Set<string>();
  // The log tells of a message from its being offered on, whatever becomes of it.
  const messages = new Set<string>();
  const ended = new Set<string>();
  for (const item of timeline.items) {
    if (item.kind === "message" && item.role === "user") {
      if (item.message_id) messages.add(item.message_id);
      else if (item.run_id) runs.add(item.run_id);
    } else if (item.kind === "end" && item.run_id) ended.add(item.run_id);
    else if (item.kind === "note" && text(item.payload.message_id)) messages.add(text(item.payload.message_id));
  }
  return { runs, messages, ended };
}

export interface Offered {
  message_id: string;
  run_id: string | null;
  text: string;
}

/** Messages that lie before a working agent and that it has not taken yet. */
export function offeredMessages(timeline: Timeline): Offered[] {
  const open = new Map<string, Offered>();
  for (const item of timeline.items) {
    if (item.kind === "message" && item.message_id) open.delete(item.message_id);
    if (item.kind !== "note") continue;
    const messageId = text(item.payload.message_id);
    if (item.type === "run_queued" && messageId) open.delete(messageId);
    if (item.type !== "guidance" || !messageId) continue;
    if (item.payload.status === "offered") open.set(messageId, { message_id: messageId, run_id: item.run_id, text: text(item.payload.text) });
    else open.delete(messageId);
  }
  return [...open.values()];
}
