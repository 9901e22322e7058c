/** Reads the answers to the parts of one request, asked of one target one after another, and puts them together. */
import type { UpstreamErrorInfo } from "../base/upstream-error.ts";
import type { EmbeddingResponse } from "../protocols/embeddings/embedding.ts";
import type { Usage } from "../protocols/neutral.ts";
import { NO_USAGE } from "../protocols/usage.ts";
import type { BodyBytes } from "../upstream/client.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { Attempt } from "./attempt.ts";
import type { Delivery } from "./delivery.ts";
import { trouble } from "./trouble.ts";
import { checkJson } from "./whole-answer.ts";

interface BatchOptions {
  readonly batches: number;
  /** All answers together; more fails. */
  readonly maxBytes: number;
  readonly decodeError: (status: number, body: string) => UpstreamErrorInfo;
  /** Body of a part, from 1 on (0 is sent by the attempt). */
  readonly body: (index: number) => BodyBytes;
  /** Throws when the answer is unusable. */
  readonly decode: (doc: unknown, index: number) => EmbeddingResponse;
  /** Writes the joined answer, then sends it when called back. Throws when the parts do not fit together. */
  readonly write: (answers: readonly EmbeddingResponse[], to: Delivery) => () => void;
}

export class BatchAnswer implements AnswerReader {
  readonly #attempt: Attempt;
  readonly #options: BatchOptions;
  readonly #answers: EmbeddingResponse[] = [];
  #pieces: Buffer[] = [];
  #total = 0;

  constructor(attempt: Attempt, options: BatchOptions) {
    this.#attempt = attempt;
    this.#options = options;
  }

  get usage(): Usage | null {
    let input = 0;
    for (const { promptTokens } of this.#answers) {
      if (promptTokens === null) return null;
      input += promptTokens;
    }
    return this.#answers.length === 0 ? null : { ...NO_USAGE, input };
  }

  data(chunk: Buffer): void {
    this.#pieces.push(Buffer.from(chunk));
    this.#total += chunk.length;
    const { maxBytes } = this.#options;
    if (this.#total <= maxBytes) return;
    const message = `the answer is larger than ${maxBytes} bytes (limits.max_response_bytes)`;
    this.#attempt.fail(trouble("too_large", message, { afterHead: true }));
  }

  end(clean: boolean): void {
    const body = Buffer.concat(this.#pieces);
    this.#pieces = [];
    const problem = checkJson(body, clean, this.#options.decodeError);
    if (problem !== null) {
      this.#attempt.fail(problem);
      return;
    }
    const index = this.#answers.length;
    try {
      this.#answers.push(this.#options.decode(JSON.parse(body.toString("utf8")), index));
      if (index + 1 < this.#options.batches) {
        this.#attempt.sendNext(this.#options.body(index + 1));
        return;
      }
    } catch (thrown) {
      this.#fail(thrown);
      return;
    }
    this.#attempt.reachContent();
    if (!this.#attempt.over) this.#attempt.completeWhenDelivered(() => {});
  }

  deliver(to: Delivery): void {
    let send: () => void;
    try {
      send = this.#options.write(this.#answers, to);
    } catch (thrown) {
      this.#fail(thrown);
      return;
    }
    send();
    this.#attempt.complete();
  }

  #fail(thrown: unknown): void {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    this.#attempt.fail(trouble("not_its_type", message, { afterHead: true }));
  }
}
