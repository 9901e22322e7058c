/** Remembers the middle of request lines: one caller's requests to one model differ in their ids and in numbers. */
import { type Piece, piece } from "../base/piece.ts";
import { Ring } from "../base/ring.ts";
import type { LineWriter } from "../telemetry/gathered-lines.ts";
import type { RequestRecord } from "./record.ts";

/** Middles remembered at a time: a household has few callers, each with a model or two. */
const MIDDLES = 16;
/** Characters of one that is kept: a caller may name a model as it likes. */
const MAX_LENGTH = 1024;

type Told = Pick<
  RequestRecord,
  "caller" | "stranger" | "operation" | "protocol" | "model" | "answeredBy" | "stream" | "attempts"
>;

interface KnownMiddle {
  readonly kind: "key" | "anonymous";
  readonly caller: string;
  readonly operation: string;
  readonly protocol: string;
  readonly model: string;
  readonly answeredBy: string;
  readonly status: number;
  readonly stream: boolean;
  readonly firstTarget: string | null;
  readonly written: Piece;
}

export class LineMemory {
  readonly #known = new Ring<KnownMiddle>(MIDDLES);
  /** Of the line written last, its second since 1970 included. */
  #opening = NONE;
  #second = Number.NaN;

  get size(): number {
    return this.#known.all.length;
  }

  /** Level and time. */
  writeOpening(line: LineWriter, wallMs: number): void {
    const second = Math.floor(wallMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#opening = piece(`{"level":"info","time":${second > 0 ? second : ""}`);
    }
    line.add(this.#opening);
    if (second > 0) line.threeDigits(wallMs - second * 1000);
    else line.whole(wallMs);
  }

  /** From who called to the target of the first attempt, as the log names them, and the name of its time. */
  writeMiddle(line: LineWriter, told: Told, status: number): void {
    const kind = told.caller?.kind ?? "anonymous";
    const caller = told.caller?.id ?? told.stranger;
    const firstTarget = told.attempts[0]?.target ?? null;
    const known = this.#known.all;
    for (let i = 0; i < known.length; i++) {
      const middle = known[i] as KnownMiddle;
      if (
        middle.caller === caller &&
        middle.model === told.model &&
        middle.answeredBy === told.answeredBy &&
        middle.firstTarget === firstTarget &&
        middle.status === status &&
        middle.stream === told.stream &&
        middle.operation === told.operation &&
        middle.protocol === told.protocol &&
        middle.kind === kind
      ) {
        line.add(middle.written);
        return;
      }
    }
    const { operation, protocol, model, answeredBy, stream } = told;
    const text =
      `,"${kind === "key" ? "key_id" : "peer"}":${JSON.stringify(caller)}` +
      `,"operation":${JSON.stringify(operation)},"protocol_in":${JSON.stringify(protocol)}` +
      (model === "" ? "" : `,"model":${JSON.stringify(model)}`) +
      (answeredBy === "" ? "" : `,"target":${JSON.stringify(answeredBy)}`) +
      `,"status":${status},"stream":${stream},"attempts":[` +
      (firstTarget === null ? "" : `{"target":${JSON.stringify(firstTarget)},"ms":`);
    if (text.length > MAX_LENGTH) {
      line.text(text);
      return;
    }
    const written = piece(text);
    this.#known.add({
      kind,
      caller,
      operation,
      protocol,
      model,
      answeredBy,
      status,
      stream,
      firstTarget,
      written,
    });
    line.add(written);
  }
}

const NONE = piece("");
