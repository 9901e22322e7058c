/** What the soak, its clients and its upstream say to each other. */

/** Of a request: `<what the flaky upstream does> <what the good one does> <number> <words>`. */
export const PLAY_HEADER = "x-play";

export type GoodPlay = "whole" | "stream" | "long" | "embedding";
export type Play =
  | GoodPlay
  | "500"
  | "429"
  | "reset"
  | "garbage"
  | "cut-whole"
  | "cut-stream"
  | "stall"
  | "stall-stream";

/** The words of an answer: the number of its request and their own, so that a client sees what is not its own or missing. */
export function wordOf(request: number, word: number): string {
  return `#${request}.${word}`;
}

export interface SoakOrder {
  readonly port: number;
  readonly key: string;
  readonly connections: number;
  readonly seed: number;
}

/** How often each kind of request ended in which way. */
export type Counts = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface SoakResult {
  readonly kind: "result";
  readonly counts: Counts;
  /** Requests that went out again because their kept connection was closed before any answer, as every client does. */
  readonly resent: number;
  /** The first answers that were not expected, each as one line. */
  readonly surprises: readonly string[];
}

export type SoakMessage = SoakResult | { readonly kind: "progress"; readonly answered: number };
