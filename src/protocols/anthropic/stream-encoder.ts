/** Neutral events -> an Anthropic stream for the caller (40-protocols 3.2, 3.4). */
import { Failure } from "../../base/failure.ts";
import { ANTHROPIC_IDS } from "../call-ids.ts";
import { EventOrder } from "../event-order.ts";
import type { Signature, Stop, StreamEvent, Usage } from "../neutral.ts";
import type { AnswerContext, StreamEncoder, StreamPosition } from "../protocol.ts";
import { addSignature, encodeCarrier } from "../signature-carrier.ts";
import { mergeUsage } from "../usage.ts";
import { callerSignature } from "./caller-signature.ts";
import { writeCitation } from "./citations.ts";
import { encodeStreamError } from "./errors.ts";
import { answerId, answerModel } from "./identity.ts";
import { writeStop } from "./stop.ts";
import { writeUsage } from "./usage.ts";

interface Open {
  readonly kind: "text" | "thinking" | "call";
  readonly callId: string;
  /** Text so far, for citations only: at most `MAX_CITED`. */
  text: string;
  sentInput: boolean;
  readonly custom: boolean;
  signatures: Signature[];
}

const MAX_CITED = 4096;

export class AnthropicEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #order: EventOrder;
  readonly #out: StreamEvent[] = [];
  #started = false;
  /** Index of the open block, or of the next one. */
  #index = 0;
  #open: Open | null = null;
  #blocks = 0;
  #usage: Usage | null = null;
  #stop: Stop = { reason: "stop" };
  #ended = false;
  #warned = false;

  constructor(context: AnswerContext, resume?: StreamPosition) {
    this.#context = context;
    this.#order = new EventOrder(context, { ids: ANTHROPIC_IDS, broken: "fail" }, resume);
    if (resume === undefined) return;
    this.#started = resume.started;
    this.#index = resume.open === null ? resume.nextIndex : resume.open.index;
    this.#blocks = resume.nextIndex;
    if (resume.open !== null) this.#open = newOpen(resume.open.kind, "", false);
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
    return this.#started ? 'event: ping\ndata: {"type":"ping"}\n\n' : ": keep-alive\n\n";
  }

  fail(failure: Failure): string {
    this.#ended = true;
    return encodeStreamError(failure);
  }

  #step(event: StreamEvent): string {
    if ("c" in event && event.c !== 0) {
      // One answer is all this protocol has (2.4).
      if (!this.#warned) this.#context.warn("candidates_dropped", "n");
      this.#warned = true;
      return "";
    }
    switch (event.type) {
      case "start":
        return this.#start(event);
      case "part":
        return this.#part(event);
      case "text":
      case "refusal":
        return this.#textDelta(event.text);
      case "think":
        return this.#delta(`{"type":"thinking_delta","thinking":${JSON.stringify(event.text)}}`);
      case "arguments":
        return this.#arguments(event.text);
      case "signature":
        if (this.#open !== null) addSignature(this.#open.signatures, event.signature);
        return "";
      case "cite":
        if (this.#open?.kind !== "text") return "";
        return this.#delta(
          JSON.stringify({
            type: "citations_delta",
            citation: writeCitation(event.citation, this.#open.text),
          }),
        );
      case "close":
        return this.#close();
      case "stop":
        this.#stop = event.stop;
        return "";
      case "usage":
        this.#usage = mergeUsage(this.#usage, event.usage);
        return "";
      case "ping":
        return this.ping();
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

  #start(event: Extract<StreamEvent, { type: "start" }>): string {
    this.#started = true;
    const message = {
      id: answerId(event.id, this.#context),
      type: "message",
      role: "assistant",
      model: answerModel(event.model, this.#context),
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { ...writeUsage(null), input_tokens: this.#context.promptEstimate, output_tokens: 0 },
    };
    return `event: message_start\ndata: {"type":"message_start","message":${JSON.stringify(message)}}\n\n`;
  }

  #part(event: Extract<StreamEvent, { type: "part" }>): string {
    if (event.kind === "image" || event.kind === "opaque") {
      if (event.kind === "opaque" && event.vendor === "anthropic") return this.#whole(event.raw);
      this.#context.warn(event.kind === "image" ? "image_dropped" : "vendor_item", "content");
      return "";
    }
    if (event.kind === "thinking") {
      return this.#begin('{"type":"thinking","thinking":"","signature":""}', newOpen("thinking", "", false));
    }
    if (event.kind !== "call") {
      return this.#begin('{"type":"text","text":"","citations":null}', newOpen("text", "", false));
    }
    // Gemini's call signatures ride in a thinking block before the call (1.7).
    const carried = event.signature === undefined ? "" : this.#carrierBlock([event.signature]);
    if (event.signature !== undefined) {
      this.#context.carriers.set(event.id, encodeCarrier(this.#context.origin, [event.signature]));
    }
    const name = event.namespace === undefined ? event.name : `${event.namespace}__${event.name}`;
    const block = `{"type":"tool_use","id":${JSON.stringify(event.id)},"name":${JSON.stringify(name)},"input":{}}`;
    return carried + this.#begin(block, newOpen("call", event.id, event.custom));
  }

  #begin(block: string, open: Open): string {
    this.#open = open;
    this.#blocks++;
    return `event: content_block_start\ndata: {"type":"content_block_start","index":${this.#index},"content_block":${block}}\n\n`;
  }

  #delta(delta: string): string {
    return `event: content_block_delta\ndata: {"type":"content_block_delta","index":${this.#index},"delta":${delta}}\n\n`;
  }

  #textDelta(text: string): string {
    const open = this.#open;
    if (open !== null && open.text.length < MAX_CITED) open.text += text.slice(0, MAX_CITED);
    return this.#delta(`{"type":"text_delta","text":${JSON.stringify(text)}}`);
  }

  #arguments(text: string): string {
    const open = this.#open;
    if (open === null) return "";
    // A custom tool has no place here but as a function with one string.
    const lead = open.custom && !open.sentInput ? '{"input":"' : "";
    open.sentInput = true;
    const piece = open.custom ? lead + JSON.stringify(text).slice(1, -1) : text;
    return this.#delta(`{"type":"input_json_delta","partial_json":${JSON.stringify(piece)}}`);
  }

  #close(): string {
    const open = this.#open;
    if (open === null) return "";
    let text = "";
    if (open.kind === "thinking") text += this.#sign(open.signatures);
    if (open.kind === "call") {
      if (!open.sentInput) text += this.#delta('{"type":"input_json_delta","partial_json":""}');
      else if (open.custom) text += this.#delta('{"type":"input_json_delta","partial_json":"\\"}"}');
      if (open.signatures.length > 0) {
        // Too late for a block before the call: our memory keeps it.
        this.#context.carriers.set(open.callId, encodeCarrier(this.#context.origin, open.signatures));
      }
    }
    text += this.#blockStop();
    if (open.kind === "text" && open.signatures.length > 0) text += this.#carrierBlock(open.signatures);
    return text;
  }

  /** The last delta of a thinking block. */
  #sign(signatures: readonly Signature[]): string {
    const value = callerSignature(this.#context, signatures);
    return this.#delta(`{"type":"signature_delta","signature":${JSON.stringify(value)}}`);
  }

  #blockStop(): string {
    const index = this.#index++;
    this.#open = null;
    return `event: content_block_stop\ndata: {"type":"content_block_stop","index":${index}}\n\n`;
  }

  #carrierBlock(signatures: readonly Signature[]): string {
    return (
      this.#begin('{"type":"thinking","thinking":"","signature":""}', newOpen("thinking", "", false)) +
      this.#sign(signatures) +
      this.#blockStop()
    );
  }

  #whole(block: string): string {
    return this.#begin(block, newOpen("text", "", false)) + this.#blockStop();
  }

  #end(): string {
    this.#ended = true;
    let text = "";
    const filtered = this.#stop.reason === "filtered" || this.#stop.reason === "refusal";
    if (this.#blocks === 0 && filtered && this.#stop.detail !== undefined) {
      text += this.#begin('{"type":"text","text":"","citations":null}', newOpen("text", "", false));
      text += this.#textDelta(this.#stop.detail) + this.#blockStop();
    }
    const usage = this.#usage;
    const written = {
      ...writeUsage(usage),
      ...(usage?.input == null ? { input_tokens: this.#context.promptEstimate } : {}),
    };
    const delta = JSON.stringify(writeStop(this.#stop));
    text += `event: message_delta\ndata: {"type":"message_delta","delta":${delta},"usage":${JSON.stringify(written)}}\n\n`;
    return `${text}event: message_stop\ndata: {"type":"message_stop"}\n\n`;
  }
}

function newOpen(kind: Open["kind"], callId: string, custom: boolean): Open {
  return { kind, callId, text: "", sentInput: false, custom, signatures: [] };
}
