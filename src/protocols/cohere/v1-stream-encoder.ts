/** Writes Cohere v1's stream for a client: one JSON object a line, the last with the whole answer. */
import type { Failure } from "../../base/failure.ts";
import { ANY_IDS } from "../call-ids.ts";
import { countCharacters } from "../characters.ts";
import { EventOrder } from "../event-order.ts";
import type { Stop, StreamEvent, Usage } from "../neutral.ts";
import type { AnswerContext, StreamEncoder, StreamPosition } from "../protocol.ts";
import { mergeUsage } from "../usage.ts";
import { CitationsV1 } from "./citations.ts";
import { answerId, encodeStreamFinishV1 } from "./types.ts";
import { answerJson, callJson, isCut } from "./v1-response.ts";

/** The last line repeats the whole text, so it must be kept: up to this many characters. */
const MAX_TEXT = 8 * 1024 * 1024;

export function createEncoder(context: AnswerContext, resume?: StreamPosition): StreamEncoder {
  return new CohereV1Encoder(context, resume);
}

function line(type: string, rest: object): string {
  return `${JSON.stringify({ is_finished: type === "stream-end", event_type: type, ...rest })}\n`;
}

/** A stream that fails ends with these words instead of an answer. */
export function failedEndV1(id: string, text: string, message: string): string {
  const response = { response_id: id, generation_id: id, text, finish_reason: "ERROR" };
  return line("stream-end", { finish_reason: "ERROR", error: message, response });
}

class CohereV1Encoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #order: EventOrder;
  readonly #queue: StreamEvent[] = [];
  readonly #text: string[] = [];
  readonly #calls: string[] = [];
  readonly #citations = new CitationsV1();
  #length = 0;
  #characters = 0;
  #partCharacters = 0;
  #call: { name: string; text: string } | null = null;
  #broken = false;
  #id: string;
  #started: boolean;
  #over = false;
  #usage: Usage | null = null;
  #stop: Stop = { reason: "stop" };

  constructor(context: AnswerContext, resume?: StreamPosition) {
    this.#context = context;
    this.#order = new EventOrder(context, { ids: ANY_IDS, broken: "pass" }, resume);
    this.#started = resume?.started ?? false;
    this.#id = resume?.id ?? "";
    // What was relayed belongs to the whole text of the last line.
    for (const item of resume?.items ?? []) this.#keep(readString(item));
  }

  encode(event: StreamEvent): string {
    if (this.#over) return "";
    this.#queue.length = 0;
    this.#order.push(event, this.#queue);
    let out = "";
    for (const each of this.#queue) out += this.#event(each);
    return out;
  }

  /** White space before the next line; an empty line breaks parsers. */
  ping(): string {
    return " ";
  }

  fail(failure: Failure): string {
    return this.#fail(failure.message);
  }

  #fail(message: string): string {
    if (this.#over) return "";
    this.#over = true;
    return failedEndV1(this.#id, this.#text.join(""), message);
  }

  #keep(text: string): boolean {
    this.#length += text.length;
    if (this.#length > MAX_TEXT) return false;
    this.#text.push(text);
    const count = countCharacters(text);
    this.#characters += count;
    this.#partCharacters += count;
    return true;
  }

  #event(event: StreamEvent): string {
    if ("c" in event && event.c !== 0) return "";
    switch (event.type) {
      case "start":
        return this.#start(event.id);
      case "part":
        this.#partCharacters = 0;
        if (event.kind === "call") this.#call = { name: event.name, text: "" };
        return "";
      case "text":
      case "refusal":
        if (!this.#keep(event.text)) return this.#fail("the answer is too long for Cohere's v1 stream");
        return line("text-generation", { text: event.text });
      case "arguments":
        if (this.#call !== null) this.#call.text += event.text;
        return "";
      case "cite": {
        const before = this.#characters - this.#partCharacters;
        const citation = this.#citations.add(event.citation, before, this.#partCharacters);
        return line("citation-generation", { citations: [citation] });
      }
      case "close":
        this.#closeCall();
        return "";
      case "usage":
        this.#usage = mergeUsage(this.#usage, event.usage);
        return "";
      case "stop":
        this.#stop = event.stop;
        return "";
      case "error":
        return this.#fail(event.error.message);
      case "ping":
        return this.ping();
      case "end":
        return this.#end();
      default:
        // v1 has no place for thoughts and signatures.
        return "";
    }
  }

  #start(id: string): string {
    if (this.#started) return "";
    this.#started = true;
    this.#id = answerId(id, this.#context.random);
    return line("stream-start", { generation_id: this.#id });
  }

  #closeCall(): void {
    if (this.#call === null) return;
    const json = callJson(this.#call.name, this.#call.text);
    this.#call = null;
    if (json === null) this.#broken = true;
    else this.#calls.push(json);
  }

  #end(): string {
    if (this.#broken && !isCut(this.#stop)) return this.#fail("the model's tool call is not a JSON object");
    if (this.#stop.reason === "broken_call" || this.#stop.reason === "failed")
      return this.#fail(this.#stop.detail ?? "the model's answer failed");
    this.#over = true;
    const finish = encodeStreamFinishV1(this.#stop);
    const answer = answerJson(
      {
        id: this.#id,
        text: this.#text.join(""),
        calls: this.#calls,
        citations: this.#citations,
        usage: this.#usage,
      },
      finish,
    );
    const calls =
      this.#calls.length === 0
        ? ""
        : `{"is_finished":false,"event_type":"tool-calls-generation","tool_calls":[${this.#calls.join(",")}]}\n`;
    return `${calls}{"is_finished":true,"event_type":"stream-end","finish_reason":"${finish}","response":${answer}}\n`;
  }
}

function readString(json: string): string {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "string" ? value : "";
  } catch {
    // Text that was relayed with a bad escape cannot be repeated.
    return "";
  }
}
