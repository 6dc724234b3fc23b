// The recording that the tests here and those of the coordinator share: tests/fixtures/pages/recording.json.
import recorded from "../../../tests/fixtures/pages/recording.json";
import type { Session } from "../api/schema";
import type { Event } from "./types";

export interface Checkpoint {
  name: string;
  session_id: string;
  status: string;
  waiting_for: string | null;
  group: string;
  queued_runs: number;
  last_seq: number;
}

export const recording = recorded as unknown as { rows: Session[]; events: Event[]; checkpoints: Checkpoint[] };
