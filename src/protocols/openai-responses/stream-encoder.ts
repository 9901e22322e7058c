/** Writes a Responses stream: items one after the other, each complete on its `done`, all of them again at the end. */
import { Failure } from "../../base/failure.ts";
import { mintHex, RESPONSES_IDS } from "../call-ids.ts";
import { EventOrder } from "../event-order.ts";
import type { Stop, StreamEvent, Usage } from "../neutral.ts";
import type { AnswerContext, StreamEncoder, StreamPosition } from "../protocol.ts";
import { mergeUsage } from "../usage.ts";
import { writeResponse } from "./envelope.ts";
import { toStreamFailure, writeFailed, writeLifecycle } from "./in-band-error.ts";
import { ItemWriter } from "./item-writer.ts";
import { encodeStop } from "./types.ts";

/** The last event repeats the answer, so it is held; models' own limits are far below this. */
const MAX_ANSWER_CHARS = 32 * 1024 * 1024;

export function createEncoder(context: AnswerContext, resume?: StreamPosition): StreamEncoder {
  return new ResponsesEncoder(context, resume);
}

export class ResponsesEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #order: EventOrder;
  readonly #due: StreamEvent[] = [];
  readonly #writer: ItemWriter;
  #id: string;
  #model: string;
  #created: number;
  #started: boolean;
  #usage: Usage | null = null;
  #stop: Stop | null = null;
  #over = false;
  /** The finished response object of the last event; "" until then. */
  response = "";
  /** Why there will be none. */
  failure: Failure | null = null;

  constructor(context: AnswerContext, resume?: StreamPosition) {
    this.#context = context;
    this.#order = new EventOrder(context, { ids: RESPONSES_IDS, broken: "pass" }, resume);
    this.#id = resume?.id || `resp_${mintHex(context.random, 24)}`;
    this.#model = resume?.model || context.answerModel;
    this.#created = resume?.created || context.now;
    this.#started = resume?.started ?? false;
    this.#writer = new ItemWriter(context, resume);
  }

  encode(event: StreamEvent): string {
    this.#order.push(event, this.#due);
    let text = "";
    for (const due of this.#due) {
      if (this.#over) break;
      text += this.#write(due);
      if (this.#writer.chars > MAX_ANSWER_CHARS) text += this.#cut();
    }
    this.#due.length = 0;
    return text;
  }

  ping(): string {
    return this.#over ? "" : ": keep-alive\n\n";
  }

  fail(failure: Failure): string {
    if (this.#over) return "";
    this.#over = true;
    this.failure = failure;
    return writeFailed(
      {
        id: this.#id,
        model: this.#model || this.#context.requestModel,
        created: this.#created,
        nextIndex: this.#writer.nextIndex,
        open: null,
        sequence: this.#writer.events.sequence,
        started: this.#started,
        items: this.#writer.items,
      },
      failure,
    );
  }

  #cut(): string {
    return this.fail(
      toStreamFailure({
        status: 502,
        code: "upstream_too_large",
        message: "the answer is too long to be repeated at its end",
        param: null,
        retryAfterMs: null,
        recognised: true,
      }),
    );
  }

  #write(event: StreamEvent): string {
    switch (event.type) {
      case "start":
        return this.#start(event);
      case "part":
        return event.c === 0 ? this.#writer.open(event) : "";
      case "text":
      case "refusal":
        return event.c === 0 ? this.#writer.text(event.type, event.text) : "";
      case "think":
        return event.c === 0 ? this.#writer.think(event.text) : "";
      case "arguments":
        return event.c === 0 ? this.#writer.arguments(event.text) : "";
      case "signature":
        return event.c === 0 ? this.#writer.sign(event.signature) : "";
      case "cite":
        return event.c === 0 ? this.#writer.cite(event.citation) : "";
      case "logprobs":
        if (event.c === 0) this.#writer.logprobs(event.raw);
        return "";
      case "close":
        return event.c === 0 ? this.#writer.closePart() : "";
      case "usage":
        this.#usage = mergeUsage(this.#usage, event.usage);
        return "";
      case "stop":
        if (event.c === 0) this.#stop = event.stop;
        return "";
      case "ping":
        return this.ping();
      case "error":
        return this.fail(toStreamFailure(event.error));
      case "end":
        return this.#end();
    }
  }

  #start(event: Extract<StreamEvent, { type: "start" }>): string {
    this.#started = true;
    if (event.id.startsWith("resp_")) this.#id = event.id;
    this.#model = this.#context.answerModel || event.model || this.#context.requestModel;
    if (event.created > 0) this.#created = event.created;
    const response = writeResponse({
      head: { id: this.#id, model: this.#model, created: this.#created },
      status: "in_progress",
      echo: this.#context.request.echo,
      items: [],
      usage: null,
    });
    return (
      writeLifecycle("response.created", this.#writer.events.sequence++, response) +
      writeLifecycle("response.in_progress", this.#writer.events.sequence++, response)
    );
  }

  #end(): string {
    const stop = this.#stop ?? { reason: "stop" };
    let text = this.#writer.closeItem();
    if (stop.reason === "refusal" && stop.detail !== undefined && !this.#writer.items.some(holdsRefusal)) {
      text += this.#writer.openContent("refusal") + this.#writer.text("refusal", stop.detail);
      text += this.#writer.closeItem();
    }
    const { status, reason } = encodeStop(stop);
    if (status === "failed") return text + this.fail(brokenAnswer(stop));
    if (stop.reason === "pause") this.#context.warn("pause_shown_as_length", "status");
    this.#over = true;
    this.response = writeResponse({
      head: { id: this.#id, model: this.#model, created: this.#created },
      status,
      reason,
      echo: this.#context.request.echo,
      items: this.#writer.items,
      usage: this.#usage,
      completed: this.#context.now,
    });
    return text + writeLifecycle(`response.${status}`, this.#writer.events.sequence++, this.response);
  }
}

function holdsRefusal(item: string): boolean {
  return item.includes('"type":"refusal"');
}

function brokenAnswer(stop: Stop): Failure {
  return new Failure("upstream", stop.detail ?? "the model's answer could not be completed", {
    code: stop.reason === "broken_call" ? "broken_call" : "upstream_error",
  });
}
