/** One record per request: who asked what, how it went, and what the log says of it in the end. */
import type { Caller } from "../auth/caller.ts";
import type { Failure } from "../base/failure.ts";
import type { Exchange } from "../http/exchange.ts";
import type { ClientOperation } from "../http/route.ts";
import type { Usage } from "../protocols/neutral.ts";
import type { ProtocolName } from "../protocols/protocol.ts";
import type { CollectedBody } from "./body.ts";
import type { Origination } from "./gateway.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Alias } from "./target.ts";

/** One attempt, for the error message, the log and traces. */
export interface AttemptNote {
  readonly target: string;
  /** "" = it answered. */
  cause: string;
  message: string;
  status: number;
  ms: number;
}

export class RequestRecord {
  readonly exchange: Exchange;
  readonly from: Origination;
  readonly protocol: ProtocolName;
  readonly operation: ClientOperation | "prefix";
  readonly snapshot: Snapshot;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  attempts: readonly AttemptNote[] = NO_ATTEMPTS;
  caller: Caller | null = null;
  alias: Alias | null = null;
  /** As the caller wrote it. */
  model = "";
  stream = false;
  bytesIn = 0;
  /** When the whole body was there, and when the targets were ordered. */
  bodyAt = 0;
  routedAt = 0;
  firstContentAt = 0;
  /** When its answer was whole; 0 = it never was. */
  endedAt = 0;
  /** `provider/model` of the answer; "" = none. */
  provider = "";
  answeredBy = "";
  upstreamProtocol = "";
  route = "";
  /** Of all attempts, as far as their providers said. */
  usage: Usage | null = null;
  failure: Failure | null = null;
  /** Address of one who was not let in; "" = the caller is known. */
  stranger = "";
  need: { readonly promptTokens: number } | null = null;
  continued = false;
  /** The internet was down when it was routed. */
  wanDown = false;
  ended = false;
  /** The body gave way to new requests: this stream cannot be repaired any more. */
  bodyDropped = false;
  /** One send was enough and has left this process: nobody looks at the body any more. */
  bodyDone = false;
  #body: Pick<CollectedBody, "release" | "free"> | null = null;
  /** What the request loses whoever answers it, and what each target asked so far cannot be given. */
  #losses: string[] | null = null;
  #lossesOf: Map<string, string[]> | null = null;

  constructor(
    exchange: Exchange,
    from: Origination,
    protocol: ProtocolName,
    operation: ClientOperation | "prefix",
    snapshot: Snapshot,
    startedAt: number,
  ) {
    this.exchange = exchange;
    this.from = from;
    this.protocol = protocol;
    this.operation = operation;
    this.snapshot = snapshot;
    this.startedAt = startedAt;
  }

  /** Where there was none before, a list of one: a list that grows from nothing makes room for seventeen. */
  noteAttempt(note: AttemptNote): void {
    this.attempts = this.attempts.length === 0 ? [note] : [...this.attempts, note];
  }

  /** Estimated prompt tokens; 0 = not estimated. */
  get promptTokens(): number {
    return this.need?.promptTokens ?? 0;
  }

  /** The body with its permit, which `releaseBody` gives back. */
  holdBody(body: Pick<CollectedBody, "release" | "free">): void {
    this.#body = body;
  }

  releaseBody(): void {
    this.#body?.release();
  }

  /** At the very end: what is known to have no reader left is not left to the collector. */
  dropBody(): void {
    this.#body?.release();
    if (this.bodyDone) this.#body?.free();
    this.#body = null;
  }

  /** Notes a loss: of the request itself, or towards one target (its label). */
  warn(code: string, field: string, target = ""): void {
    const text = `code=${code};field=${field.replace(/[^\x20-\x7e]/g, "?").slice(0, 120)}`;
    let losses: string[];
    if (target === "") {
      this.#losses ??= [];
      losses = this.#losses;
    } else {
      this.#lossesOf ??= new Map();
      losses = this.#lossesOf.get(target) ?? [];
      this.#lossesOf.set(target, losses);
    }
    if (losses.length < MAX_LOSSES && !losses.includes(text)) losses.push(text);
  }

  /** The target is asked anew: what was lost the last time may not be lost now. */
  forgetWarnings(target: string): void {
    this.#lossesOf?.delete(target);
  }

  /** Something was lost towards this target since it was asked. */
  hasWarnings(target: string): boolean {
    return this.#lossesOf?.has(target) === true;
  }

  /** For an answer of this target; "" = nobody's. Values of `x-sluice-warning` (40-protocols.md 1.0). */
  warningsFor(target: string): readonly string[] {
    const all = this.#losses ?? NO_LOSSES;
    const own = this.#lossesOf?.get(target);
    return own === undefined ? all : [...all, ...own.filter((text) => !all.includes(text))];
  }
}

const NO_ATTEMPTS: readonly AttemptNote[] = [];
const NO_LOSSES: readonly string[] = [];

const MAX_LOSSES = 16;
