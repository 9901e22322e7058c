/** Answers that are no streams: held whole while that is affordable, checked, then relayed or converted. */
import { watchNames } from "../base/json-names.ts";
import { findMember, scanObject } from "../base/json-scan.ts";
import { walkJson } from "../base/json-valid.ts";
import type { UpstreamErrorInfo } from "../base/upstream-error.ts";
import { holdsWord, makeWord } from "../base/word-search.ts";
import type { KnownAnswers } from "../protocols/known-answers.ts";
import type { Usage } from "../protocols/neutral.ts";
import type { UsageCounts } from "../protocols/protocol.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { Attempt } from "./attempt.ts";
import type { Delivery } from "./delivery.ts";
import { type Trouble, trouble } from "./trouble.ts";

/** What writes the caller's answer: an object where there is one that lives as long, which spares a function for each. */
export type OnDelivery = ((to: Delivery) => void) | { writeTo(delivery: Delivery): void };

export interface WholeOptions {
  /** Bytes held so that a cut answer can still be asked elsewhere; what is longer is relayed as it arrives. */
  readonly holdBytes: number;
  /** Conversions need it whole: more is refused. false: relayed beyond `holdBytes`. */
  readonly mustHold: boolean;
  /** The body claims to be JSON and is held to it. */
  readonly json: boolean;
  readonly decodeError: (status: number, body: string) => UpstreamErrorInfo;
  /** Reads the usage of a whole body. */
  readonly readUsage: (body: Buffer) => Usage | null;
  /** What `readUsage` reads, where it does not choose only. */
  readonly usageCounts?: UsageCounts | undefined;
  /** Answers that came from there before. Absent = none to compare with. */
  readonly known?: KnownAnswers;
  /** Reads a whole body: what writes the caller's answer, or a Trouble when it is not an answer. */
  read(body: Buffer): Trouble | OnDelivery;
  /** Begins an answer that is relayed in pieces. */
  start(to: Delivery): void;
}

const WATCHED = watchNames(["error", "type"]);
/** Bodies up to this are held to the whole grammar of JSON; of longer ones only the ends are looked at. */
const CHECKED_BYTES = 64 * 1024;

export class WholeAnswer implements AnswerReader {
  usage: Usage | null = null;
  readonly #attempt: Attempt;
  readonly #options: WholeOptions;
  /** What is held: mostly an answer comes in one piece. */
  #first: Buffer | null = null;
  #more: Buffer[] | null = null;
  #length = 0;
  #delivery: Delivery | null = null;
  #write: OnDelivery | null = null;
  #flowing = false;
  /** What has come was compared with known answers; `#recalled` says whether it is like one, `#told` what usage it tells of then. */
  #compared = false;
  #recalled = false;
  #told: Usage | null | undefined = undefined;

  constructor(attempt: Attempt, options: WholeOptions) {
    this.#attempt = attempt;
    this.#options = options;
  }

  bytes(bytes: Buffer, start: number, end: number): void {
    // Most answers come in one piece. It is compared where it lies: the view of what is read into is made once for all.
    const isFirst = this.#first === null && !this.#flowing;
    this.#take(bytes, start, end);
    if (isFirst && !this.#flowing) this.#compare(bytes, start, end);
  }

  data(chunk: Buffer): void {
    this.#take(chunk, 0, chunk.length);
  }

  #take(bytes: Buffer, start: number, end: number): void {
    this.#compared = false;
    const length = end - start;
    if (this.#flowing) {
      this.#delivery?.write(bytes.subarray(start, end));
      return;
    }
    const held = this.#attempt.memory.hold(length);
    const fits = this.#length + length <= this.#options.holdBytes;
    if (this.#options.mustHold && !(held && fits)) {
      const message = fits
        ? "the memory for answers that must be converted is full"
        : `the answer is larger than ${this.#options.holdBytes} bytes (limits.max_response_bytes)`;
      this.#attempt.fail(trouble("too_large", message, { afterHead: true }));
      return;
    }
    this.#hold(bytes, start, end);
    if (held && fits) return;
    this.#flowing = true;
    this.#attempt.reachContent();
  }

  /** Copies it without a view of where it lies, which would cost more than the copy. */
  #hold(bytes: Buffer, start: number, end: number): void {
    const piece = Buffer.allocUnsafe(end - start);
    bytes.copy(piece, 0, start, end);
    if (this.#first === null) this.#first = piece;
    else {
      this.#more ??= [];
      this.#more.push(piece);
    }
    this.#length += piece.length;
  }

  end(clean: boolean): void {
    if (this.#flowing) {
      if (this.#delivery === null) this.#attempt.completeWhenDelivered(() => this.end(clean));
      else if (clean) {
        this.#delivery.end();
        this.#attempt.complete();
      } else {
        // Without a length nobody can tell a cut body from a whole one: neither can the caller, so the connection says it.
        this.#delivery.cut();
        this.#attempt.complete();
      }
      return;
    }
    const { readUsage, usageCounts, known } = this.#options;
    const body = this.#letGo();
    if (!this.#compared) this.#compare(body, 0, body.length);
    const isChecked = this.#recalled || !this.#options.json;
    const problem = isChecked ? null : checkJson(body, clean, this.#options.decodeError);
    if (problem !== null) {
      this.#attempt.fail(problem);
      return;
    }
    const read = this.#options.read(body);
    if (typeof read !== "function" && !("writeTo" in read)) {
      this.#attempt.fail(read);
      return;
    }
    this.usage = this.#recalled && this.#told !== undefined ? this.#told : readUsage(body);
    this.#write = read;
    this.#attempt.reachContent();
    if (!this.#attempt.over && this.#delivery === null) this.#attempt.completeWhenDelivered(() => {});
    if (!isChecked && body.length <= CHECKED_BYTES) known?.learn(body, readUsage, usageCounts);
  }

  #compare(bytes: Buffer, start: number, end: number): void {
    const { known, readUsage } = this.#options;
    this.#compared = true;
    this.#recalled = known?.recall(bytes, start, end, readUsage) === true;
    this.#told = known?.usage;
  }

  deliver(to: Delivery): void {
    this.#delivery = to;
    if (this.#write !== null) {
      if (typeof this.#write === "function") this.#write(to);
      else this.#write.writeTo(to);
      this.#attempt.complete();
      return;
    }
    this.#options.start(to);
    if (this.#first !== null) to.write(this.#first);
    for (const piece of this.#more ?? []) to.write(piece);
    this.#first = null;
    this.#more = null;
    this.#attempt.memory.unhold();
  }

  /** All that is held. */
  #letGo(): Buffer {
    const first = this.#first ?? NOTHING;
    const more = this.#more;
    this.#first = null;
    this.#more = null;
    return more === null ? first : Buffer.concat([first, ...more]);
  }
}

const NOTHING = Buffer.alloc(0);

/** What is wrong with a body that came with a success; null = nothing that can be seen. */
export function checkJson(
  body: Buffer,
  clean: boolean,
  decodeError: (status: number, body: string) => UpstreamErrorInfo,
): Trouble | null {
  if (body.length === 0) return trouble("empty", "a success without a body", { afterHead: true });
  let first = 0;
  while (first < body.length && (body[first] ?? 0) <= 0x20) first++;
  const open = body[first];
  if (open !== 0x7b && open !== 0x5b) {
    return trouble("not_its_type", "the body is not JSON", { afterHead: true });
  }
  let last = body.length - 1;
  while (last > first && (body[last] ?? 0) <= 0x20) last--;
  const balanced = body[last] === (open === 0x7b ? 0x7d : 0x5d);
  const found = balanced ? lookOver(body, !clean || body.length <= CHECKED_BYTES) : "invalid";
  if (found === "invalid") return trouble("cut", "the JSON body is not complete", { afterHead: true });
  if (found === "holds" && open === 0x7b) {
    const error = findError(body, decodeError);
    if (error !== null) return trouble("error_inside", error.message, { error, afterHead: true });
  }
  return null;
}

const ERROR_NAME = makeWord('"error"');

/** Whether the body may hold an error; `whole`: and whether it is JSON from end to end. */
function lookOver(body: Buffer, whole: boolean): "invalid" | "valid" | "holds" {
  if (whole) return walkJson(body, 0, body.length, ERROR_NAME.bytes);
  return holdsWord(body, ERROR_NAME) ? "holds" : "valid";
}

function findError(
  body: Buffer,
  decodeError: (status: number, body: string) => UpstreamErrorInfo,
): UpstreamErrorInfo | null {
  try {
    const scan = scanObject(body, WATCHED);
    const error = findMember(scan, "error");
    const type = findMember(scan, "type");
    const isError = error !== undefined && body.toString("latin1", error.start, error.end) !== "null";
    const saysError = type !== undefined && body.toString("latin1", type.start, type.end) === '"error"';
    return isError || saysError ? decodeError(0, body.toString("utf8")) : null;
  } catch {
    return null; // a spelling we would refuse from callers is no error of the upstream's
  }
}
