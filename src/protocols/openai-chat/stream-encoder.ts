/** Neutral events -> a Chat stream for the caller (40-protocols 3.2, 3.4). */
import { Failure } from "../../base/failure.ts";
import { CHAT_IDS } from "../call-ids.ts";
import { EventOrder } from "../event-order.ts";
import type { Signature, Stop, StreamEvent, Usage } from "../neutral.ts";
import type { AnswerContext, StreamEncoder, StreamPosition } from "../protocol.ts";
import { addSignature, encodeCarrier } from "../signature-carrier.ts";
import { isEmptyUsage, mergeUsage } from "../usage.ts";
import { writeAnnotation } from "./annotations.ts";
import { encodeStreamError } from "./errors.ts";
import { writeFinish } from "./finish.ts";
import { answerId, answerModel } from "./identity.ts";
import { writeChatUsage } from "./usage.ts";

interface Choice {
  begun: boolean;
  /** Calls so far; a call's `index` counts calls only. */
  calls: number;
  /** Characters of text so far, for annotations. */
  text: number;
  partText: number;
  /** The open call; "" = none. */
  callId: string;
  custom: boolean;
  /** Signatures that go with the open call, or with the next one. */
  signatures: Signature[];
}

export class ChatEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #order: EventOrder;
  readonly #out: StreamEvent[] = [];
  readonly #choices: Choice[] = [];
  /** Up to the member that differs between chunks: the same for all of them. */
  #head = "";
  #usage: Usage | null = null;
  #ended = false;

  constructor(context: AnswerContext, resume?: StreamPosition) {
    this.#context = context;
    this.#order = new EventOrder(context, { ids: CHAT_IDS, broken: "pass" }, resume);
    if (resume?.started === true) {
      this.#begin(resume.id, context.answerModel === "" ? resume.model : context.answerModel, resume.created);
      this.#choice(0).begun = true;
    }
  }

  encode(event: StreamEvent): string {
    if (this.#ended) return "";
    this.#out.length = 0;
    this.#order.push(event, this.#out);
    let text = "";
    for (const step of this.#out) text += this.#step(step);
    return text;
  }

  ping(): string {
    return ": keep-alive\n\n";
  }

  fail(failure: Failure): string {
    this.#ended = true;
    return encodeStreamError(failure);
  }

  #step(event: StreamEvent): string {
    switch (event.type) {
      case "start":
        this.#begin(
          answerId(event.id, this.#context),
          answerModel(event.model, this.#context),
          event.created,
        );
        return this.#role(0);
      case "part":
        return this.#part(event);
      case "text": {
        const choice = this.#choice(event.c);
        choice.text += event.text.length;
        choice.partText += event.text.length;
        return this.#role(event.c) + this.#delta(event.c, `"content":${JSON.stringify(event.text)}`);
      }
      case "think":
        return this.#delta(event.c, `"reasoning_content":${JSON.stringify(event.text)}`);
      case "refusal":
        return this.#delta(event.c, `"refusal":${JSON.stringify(event.text)}`);
      case "arguments":
        return this.#arguments(event.c, event.text);
      case "signature":
        return this.#signature(event.c, event.signature);
      case "cite": {
        const choice = this.#choice(event.c);
        const annotation = writeAnnotation(event.citation, choice.text - choice.partText, choice.partText);
        return this.#delta(event.c, `"annotations":[${JSON.stringify(annotation)}]`);
      }
      case "logprobs":
        return this.#role(event.c) + this.#chunk(event.c, "", "null", event.raw);
      case "stop":
        return this.#stop(event.c, event.stop);
      case "usage":
        this.#usage = mergeUsage(this.#usage, event.usage);
        return "";
      case "end":
        return this.#end();
      case "error":
        return this.fail(
          new Failure("upstream", event.error.message, {
            code: event.error.code === "" ? "upstream_error" : event.error.code,
          }),
        );
      default:
        return "";
    }
  }

  #begin(id: string, model: string, created: number): void {
    const at = created > 0 ? created : this.#context.now;
    const name = JSON.stringify(model);
    this.#head = `data: {"id":${JSON.stringify(id)},"object":"chat.completion.chunk","created":${at},"model":${name},`;
  }

  #choice(c: number): Choice {
    let choice = this.#choices[c];
    if (choice === undefined) {
      choice = { begun: false, calls: 0, text: 0, partText: 0, callId: "", custom: false, signatures: [] };
      this.#choices[c] = choice;
    }
    return choice;
  }

  /** The first chunk of every candidate names the role (Portkey #1399). */
  #role(c: number): string {
    const choice = this.#choice(c);
    if (choice.begun) return "";
    choice.begun = true;
    return this.#chunk(c, '"role":"assistant","content":""', "null");
  }

  #chunk(c: number, delta: string, finish: string, logprobs = "null"): string {
    const usage = this.#context.request.includeUsage ? ',"usage":null' : "";
    return `${this.#head}"choices":[{"index":${c},"delta":{${delta}},"logprobs":${logprobs},"finish_reason":${finish}}]${usage}}\n\n`;
  }

  #delta(c: number, delta: string): string {
    return this.#role(c) + this.#chunk(c, delta, "null");
  }

  #part(event: Extract<StreamEvent, { type: "part" }>): string {
    const choice = this.#choice(event.c);
    choice.partText = 0;
    if (choice.callId !== "") {
      choice.callId = "";
      choice.signatures = [];
    }
    if (event.kind === "image") {
      const url = `data:${event.mime};base64,${event.data}`;
      return this.#delta(event.c, `"images":[${JSON.stringify({ type: "image_url", image_url: { url } })}]`);
    }
    if (event.kind === "opaque") {
      this.#context.warn("vendor_item", event.vendor);
      return "";
    }
    if (event.kind !== "call") return "";
    choice.callId = event.id;
    choice.custom = event.custom;
    const name = JSON.stringify(
      event.namespace === undefined ? event.name : `${event.namespace}__${event.name}`,
    );
    const body = event.custom
      ? `"type":"custom","custom":{"name":${name},"input":""}`
      : `"type":"function","function":{"name":${name},"arguments":""}`;
    if (event.signature !== undefined) addSignature(choice.signatures, event.signature);
    const extra = choice.signatures.length === 0 ? "" : `,${this.#carried(choice)}`;
    const index = choice.calls++;
    return this.#delta(
      event.c,
      `"tool_calls":[{"index":${index},"id":${JSON.stringify(event.id)},${body}${extra}}]`,
    );
  }

  #arguments(c: number, text: string): string {
    const choice = this.#choice(c);
    const piece = JSON.stringify(text);
    const body = choice.custom ? `"custom":{"input":${piece}}` : `"function":{"arguments":${piece}}`;
    return this.#delta(c, `"tool_calls":[{"index":${choice.calls - 1},${body}}]`);
  }

  /** The carrier rides on a call, and in our memory for clients that drop it (40-protocols 1.7). */
  #carried(choice: Choice): string {
    const carrier = encodeCarrier(this.#context.origin, choice.signatures);
    this.#context.carriers.set(choice.callId, carrier);
    return `"extra_content":{"google":{"thought_signature":${JSON.stringify(carrier)}}}`;
  }

  /** A signature of thinking waits for the call behind it: Chat has a place for it there only. */
  #signature(c: number, signature: Signature): string {
    const choice = this.#choice(c);
    if (!addSignature(choice.signatures, signature) || choice.callId === "") return "";
    return this.#delta(c, `"tool_calls":[{"index":${choice.calls - 1},${this.#carried(choice)}}]`);
  }

  #stop(c: number, stop: Stop): string {
    const choice = this.#choice(c);
    const silent = choice.text === 0 && choice.calls === 0 && stop.detail !== undefined;
    const refusal =
      silent && (stop.reason === "filtered" || stop.reason === "refusal")
        ? this.#delta(c, `"refusal":${JSON.stringify(stop.detail)}`)
        : "";
    return refusal + this.#role(c) + this.#chunk(c, "", JSON.stringify(writeFinish(stop.reason)));
  }

  #end(): string {
    this.#ended = true;
    const usage = this.#usage;
    let text = "";
    if (this.#context.request.includeUsage && usage !== null && !isEmptyUsage(usage)) {
      text = `${this.#head}"choices":[],"usage":${JSON.stringify(writeChatUsage(usage))}}\n\n`;
    }
    return `${text}data: [DONE]\n\n`;
  }
}
