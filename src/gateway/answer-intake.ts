/** The answer side of one attempt: the reader its body goes to, an error's as well as a success's, unpacked where it came compressed. */
import type { Usage } from "../protocols/neutral.ts";
import type { ResponseHead } from "../upstream/client.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { Attempt } from "./attempt.ts";
import { type Decompressor, decompress } from "./decompress.ts";
import type { Delivery } from "./delivery.ts";
import { createErrorReader } from "./error-answer.ts";
import type { PreparedSend } from "./plan.ts";
import { trouble } from "./trouble.ts";

export class AnswerIntake {
  /** What comes is the body of an answer that is no success. */
  failing = false;
  readonly #attempt: Attempt;
  #reader: AnswerReader | null = null;
  #decompressor: Decompressor | null = null;
  /** What a reader that was replaced had seen. */
  #usageBefore: Usage | null = null;

  constructor(attempt: Attempt) {
    this.#attempt = attempt;
  }

  /** What the upstream has reported so far; null = nothing. */
  get usage(): Usage | null {
    return this.#reader?.usage ?? this.#usageBefore;
  }

  begin(prepared: PreparedSend, head: ResponseHead): void {
    this.failing = head.status < 200 || head.status >= 300;
    this.#decompressor = null;
    this.#reader = this.failing
      ? createErrorReader(this.#attempt, head, prepared.decodeError)
      : prepared.createReader(this.#attempt, head);
  }

  /** The body comes in this `content-encoding`. `onRoom`: what was refused room has been unpacked. */
  unpack(encoding: string, onRoom: () => void): void {
    const attempt = this.#attempt;
    this.#decompressor = decompress(encoding, {
      onData: (chunk) => {
        if (attempt.over) return;
        try {
          this.#reader?.data(chunk);
        } catch (thrown) {
          attempt.fault(thrown);
        }
      },
      onEnd: () => {
        if (attempt.over) return;
        try {
          this.#reader?.end(true);
        } catch (thrown) {
          attempt.fault(thrown);
        }
      },
      onError: (message) => attempt.fail(trouble("not_its_type", message, { afterHead: true })),
      onRoom,
    });
  }

  /** [start, end) of `bytes` has come. False: nothing more until `onRoom`. */
  data(bytes: Buffer, start: number, end: number): boolean {
    if (this.#decompressor !== null) return this.#decompressor.write(bytes.subarray(start, end));
    const reader = this.#reader;
    if (reader?.bytes !== undefined) reader.bytes(bytes, start, end);
    else reader?.data(bytes.subarray(start, end));
    return true;
  }

  end(clean: boolean): void {
    if (this.#decompressor === null) this.#reader?.end(clean);
    else this.#decompressor.end();
  }

  /** What waits to be unpacked waits on; what comes is for others to stop. */
  pause(): void {
    this.#decompressor?.pause();
  }

  resume(): void {
    this.#decompressor?.resume();
  }

  /** What has been read is all there will be. */
  breakOff(): void {
    this.#reader?.end(false);
  }

  deliver(to: Delivery): void {
    this.#reader?.deliver(to);
  }

  /** Another reader takes over, where a success is being read. */
  replaceReader(create: PreparedSend["createReader"], head: ResponseHead): void {
    if (this.#reader === null || this.failing) return;
    this.#usageBefore = this.#reader.usage;
    this.#reader = create(this.#attempt, head);
  }

  close(): void {
    this.#decompressor?.destroy();
  }
}
