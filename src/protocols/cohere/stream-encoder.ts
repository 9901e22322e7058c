/** Writes Cohere v2's stream for a client. */
import type { Failure } from "../../base/failure.ts";
import { ANY_IDS } from "../call-ids.ts";
import { countCharacters } from "../characters.ts";
import { EventOrder } from "../event-order.ts";
import type { Citation, Signature, Stop, StreamEvent, Usage } from "../neutral.ts";
import type { AnswerContext, StreamEncoder, StreamPosition } from "../protocol.ts";
import { encodeCarrier } from "../signature-carrier.ts";
import { mergeUsage } from "../usage.ts";
import { encodeCitation } from "./citations.ts";
import { encodeLogprobs } from "./logprobs.ts";
import { answerId, encodeFinish, encodeUsage } from "./types.ts";

/** cohere-ai ends its stream at this text anywhere in the data, so inside a string it is written with an escape. */
const SENTINEL = "[DONE]";

type Mode = "text" | "thinking" | "plan" | "call" | "none";

export function createEncoder(context: AnswerContext, resume?: StreamPosition): StreamEncoder {
  return new CohereEncoder(context, resume);
}

/** One SSE event; the type stands in the name and, for cohere-ai, in the data. */
function sseEvent(type: string, rest: object): string {
  let json = JSON.stringify({ type, ...rest });
  if (json.includes(SENTINEL)) json = json.replaceAll(SENTINEL, "\\u005bDONE]");
  return `event: ${type}\ndata: ${json}\n\n`;
}

/** Cohere's messages have no place for a signature: the gateway remembers the one of a call by its id. */
export function rememberSignature(callId: string, signature: Signature, context: AnswerContext): void {
  context.carriers.set(callId, encodeCarrier(context.origin, [signature]));
}

/** A stream that fails ends with these words instead of an answer's end. */
export function failedEnd(id: string, message: string): string {
  return sseEvent("message-end", { id, delta: { finish_reason: "ERROR", error: message } });
}

class CohereEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #order: EventOrder;
  readonly #queue: StreamEvent[] = [];
  /** With tools offered, thoughts lead to calls: Cohere calls them the tool plan. */
  readonly #thoughtsArePlan: boolean;
  #id: string;
  #started: boolean;
  #over = false;
  #mode: Mode = "none";
  #blocks: number;
  #calls = 0;
  #callId = "";
  #hasArguments = false;
  #citations = 0;
  #characters = 0;
  #usage: Usage | null = null;
  #stop: Stop = { reason: "stop" };

  constructor(context: AnswerContext, resume?: StreamPosition) {
    this.#context = context;
    this.#order = new EventOrder(context, { ids: ANY_IDS, broken: "pass" }, resume);
    this.#thoughtsArePlan = context.request.tools.length > 0 && context.request.choice?.mode !== "none";
    this.#started = resume?.started ?? false;
    this.#id = resume?.id ?? "";
    this.#blocks = resume?.open?.index ?? resume?.nextIndex ?? 0;
    if (resume?.open?.kind === "text" || resume?.open?.kind === "thinking")
      this.#mode = resume.open.itemId === "plan" ? "plan" : resume.open.kind;
  }

  encode(event: StreamEvent): string {
    if (this.#over) return "";
    this.#queue.length = 0;
    this.#order.push(event, this.#queue);
    let out = "";
    for (const each of this.#queue) out += this.#event(each);
    return out;
  }

  ping(): string {
    return ": keep-alive\n\n";
  }

  fail(failure: Failure): string {
    return this.#fail(failure.message);
  }

  #fail(message: string): string {
    if (this.#over) return "";
    this.#over = true;
    return failedEnd(this.#id, message);
  }

  #event(event: StreamEvent): string {
    if ("c" in event && event.c !== 0) return "";
    switch (event.type) {
      case "start":
        return this.#start(event.id);
      case "part":
        return this.#open(event);
      case "text":
      case "refusal":
        this.#characters += countCharacters(event.text);
        return this.#delta({ text: event.text });
      case "think":
        if (this.#mode !== "plan") return this.#delta({ thinking: event.text });
        return sseEvent("tool-plan-delta", { delta: { message: { tool_plan: event.text } } });
      case "arguments":
        this.#hasArguments = true;
        return this.#callEvent("tool-call-delta", { function: { arguments: event.text } });
      case "cite":
        return this.#cite(event.citation);
      case "signature":
        if (this.#mode === "call") rememberSignature(this.#callId, event.signature, this.#context);
        return "";
      case "logprobs":
        return this.#logprobs(event.raw);
      case "close":
        return this.#close();
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
        return "";
    }
  }

  #start(id: string): string {
    if (this.#started) return "";
    this.#started = true;
    this.#id = answerId(id, this.#context.random);
    const message = { role: "assistant", content: [], tool_plan: "", tool_calls: [], citations: [] };
    return sseEvent("message-start", { id: this.#id, delta: { message } });
  }

  #open(event: Extract<StreamEvent, { type: "part" }>): string {
    this.#characters = 0;
    if (event.kind === "call") {
      this.#mode = "call";
      this.#callId = event.id;
      this.#hasArguments = false;
      if (event.signature !== undefined) rememberSignature(event.id, event.signature, this.#context);
      const fn = { name: event.name, arguments: "" };
      return this.#callEvent("tool-call-start", { id: event.id, type: "function", function: fn });
    }
    if (event.kind === "image" || event.kind === "opaque") {
      this.#mode = "none";
      return "";
    }
    if (event.kind === "thinking" && this.#thoughtsArePlan) {
      this.#mode = "plan";
      return "";
    }
    this.#mode = event.kind === "thinking" ? "thinking" : "text";
    const content =
      event.kind === "thinking" ? { type: "thinking", thinking: "" } : { type: "text", text: "" };
    return sseEvent("content-start", { index: this.#blocks, delta: { message: { content } } });
  }

  #delta(content: object): string {
    return sseEvent("content-delta", { index: this.#blocks, delta: { message: { content } } });
  }

  #callEvent(type: string, call: object): string {
    return sseEvent(type, { index: this.#calls, delta: { message: { tool_calls: call } } });
  }

  #close(): string {
    const mode = this.#mode;
    this.#mode = "none";
    if (mode === "call") {
      const empty = { function: { arguments: "{}" } };
      const owed = this.#hasArguments ? "" : this.#callEvent("tool-call-delta", empty);
      return owed + sseEvent("tool-call-end", { index: this.#calls++ });
    }
    if (mode === "text" || mode === "thinking") return sseEvent("content-end", { index: this.#blocks++ });
    return "";
  }

  #cite(citation: Citation): string {
    const index = this.#citations++;
    const citations = encodeCitation(citation, this.#blocks, this.#characters);
    return (
      sseEvent("citation-start", { index, delta: { message: { citations } } }) +
      sseEvent("citation-end", { index })
    );
  }

  #logprobs(raw: string): string {
    const items = this.#mode === "text" ? encodeLogprobs(raw) : undefined;
    if (items === undefined) return "";
    return items
      .map((logprobs) =>
        sseEvent("content-delta", {
          index: this.#blocks,
          delta: { message: { content: { text: "" } } },
          logprobs,
        }),
      )
      .join("");
  }

  #end(): string {
    this.#over = true;
    const reason = encodeFinish(this.#stop);
    return sseEvent("message-end", {
      id: this.#id,
      delta: {
        finish_reason: reason,
        usage: encodeUsage(this.#usage),
        ...(reason === "ERROR" ? { error: this.#stop.detail ?? "the answer was withheld" } : {}),
      },
    });
  }
}
