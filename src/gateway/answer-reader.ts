/** What reads a successful answer of an attempt: it holds it back until it is worth showing, then passes it on. */
import type { Usage } from "../protocols/neutral.ts";
import type { Delivery } from "./delivery.ts";

export interface AnswerReader {
  /** A piece of the body; a view, valid during the call only. */
  data(chunk: Buffer): void;
  /** In its place, for who needs no view: [start, end) of a shared buffer. */
  bytes?(bytes: Buffer, start: number, end: number): void;
  /** The body's end; `clean` false when it was only the connection's end. */
  end(clean: boolean): void;
  /** This attempt was chosen: what is held goes out, the rest follows. Called once, at or after content. */
  deliver(to: Delivery): void;
  /** Usage the upstream reported so far. */
  readonly usage: Usage | null;
}
