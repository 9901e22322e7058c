/** Writes the output items of a Responses stream, one at a time, and keeps the finished ones. */
import type { Citation, Signature, StreamEvent } from "../neutral.ts";
import type { AnswerContext, StreamPosition } from "../protocol.ts";
import { encodeCarrier } from "../signature-carrier.ts";
import {
  type CallHead,
  callItem,
  clientCall,
  clientCallItem,
  messageItem,
  mintItemId,
  reasoningItem,
  textContent,
} from "./items.ts";
import { encodeAnnotation, encodeLogprobs } from "./types.ts";

/** A message stays open over several text and refusal parts; each of them is a content part. */
interface OpenMessage {
  readonly kind: "message";
  readonly id: string;
  readonly index: number;
  readonly contents: string[];
  part: {
    readonly type: "text" | "refusal";
    text: string;
    annotations: object[];
    logprobs: unknown[];
  } | null;
}

interface OpenReasoning {
  readonly kind: "reasoning";
  readonly id: string;
  readonly index: number;
  text: string;
  signature: Signature | null;
  /** Begun by the upstream's own events: they may name other places than ours, so only the item is ended. */
  readonly adopted?: boolean;
}

interface OpenCall {
  readonly kind: "call";
  readonly index: number;
  readonly call: CallHead;
  readonly client: ReturnType<typeof clientCall>;
  text: string;
}

type OpenItem = OpenMessage | OpenReasoning | OpenCall;

export class ItemWriter {
  readonly #context: AnswerContext;
  #item: OpenItem | null = null;
  /** `"item_id":…,"output_index":…,` of the open item, for every delta. */
  #place = "";
  /** Signatures that came inside an item which cannot hold them; they follow it. */
  readonly #waiting: Signature[] = [];
  /** The next event's `sequence_number`. */
  sequence: number;
  /** The next item's `output_index`. */
  nextIndex: number;
  /** Finished items, verbatim JSON. */
  readonly items: string[];
  /** Characters held for the last event. */
  chars = 0;

  constructor(context: AnswerContext, resume?: StreamPosition) {
    this.#context = context;
    this.sequence = resume?.sequence ?? 0;
    this.nextIndex = resume?.nextIndex ?? 0;
    this.items = [...(resume?.items ?? [])];
    if (resume !== undefined && resume.open !== null) this.#adopt(resume.open);
  }

  logprobs(raw: string): void {
    if (this.#item?.kind === "message" && this.#item.part !== null)
      this.#item.part.logprobs.push(...encodeLogprobs(raw));
  }

  sign(signature: Signature): string {
    const item = this.#item;
    if (item === null) return this.#carrySignature(signature);
    if (item.kind === "reasoning") item.signature = signature;
    else
      this.#waiting.push(
        item.kind === "call" ? { ...signature, id: signature.id ?? item.call.callId } : signature,
      );
    return "";
  }

  open(event: Extract<StreamEvent, { type: "part" }>): string {
    switch (event.kind) {
      case "thinking": {
        const text = this.closeItem();
        const id = mintItemId("rs", this.#context.random);
        const index = this.nextIndex++;
        this.#enter({ kind: "reasoning", id, index, text: "", signature: null }, id);
        return (
          text +
          this.#event(
            "response.output_item.added",
            `"output_index":${index},"item":${reasoningItem(id, "", undefined)}`,
          )
        );
      }
      case "call":
        return this.#openCall(event);
      case "opaque": {
        if (event.vendor !== "openai") return "";
        const text = this.closeItem();
        const place = `"output_index":${this.nextIndex++},"item":${event.raw}`;
        this.items.push(event.raw);
        this.chars += event.raw.length;
        return (
          text +
          this.#event("response.output_item.added", place) +
          this.#event("response.output_item.done", place)
        );
      }
      case "image":
        this.#context.warn("image_dropped", "output");
        return "";
      default:
        return this.openContent(event.kind);
    }
  }

  openContent(type: "text" | "refusal"): string {
    let text = "";
    if (this.#item?.kind !== "message") {
      text = this.closeItem();
      const id = mintItemId("msg", this.#context.random);
      const index = this.nextIndex++;
      this.#enter({ kind: "message", id, index, contents: [], part: null }, id);
      const item = messageItem(id, "in_progress", []);
      text += this.#event("response.output_item.added", `"output_index":${index},"item":${item}`);
    }
    const message = this.#item;
    if (message?.kind !== "message") return text;
    message.part = { type, text: "", annotations: [], logprobs: [] };
    const part = type === "text" ? textContent("", [], []) : { type: "refusal", refusal: "" };
    return (
      text +
      this.#event(
        "response.content_part.added",
        `${this.#place}"content_index":${message.contents.length},"part":${JSON.stringify(part)}`,
      )
    );
  }

  #openCall(event: Extract<StreamEvent, { kind: "call" }>): string {
    let text = this.closeItem();
    if (event.signature !== undefined) {
      text += this.#carrySignature({ ...event.signature, id: event.signature.id ?? event.id });
    }
    const client = clientCall(event.name, this.#context.request.tools);
    const prefix = client?.prefix ?? (event.custom ? "ctc" : "fc");
    const call: CallHead = {
      itemId: mintItemId(prefix, this.#context.random),
      callId: event.id,
      name: event.name,
      custom: event.custom,
      ...(event.namespace === undefined ? {} : { namespace: event.namespace }),
    };
    const index = this.nextIndex++;
    this.#enter({ kind: "call", index, call, client, text: "" }, call.itemId);
    // A client tool's call is shown when its arguments are whole: its item has no text to grow.
    if (client !== undefined) return text;
    const item = callItem(call, "in_progress", "");
    return text + this.#event("response.output_item.added", `"output_index":${index},"item":${item}`);
  }

  text(type: "text" | "refusal", delta: string): string {
    const message = this.#item;
    if (message?.kind !== "message") return "";
    const opening = message.part === null ? this.openContent(type) : "";
    if (message.part === null) return opening;
    message.part.text += delta;
    this.chars += delta.length;
    const place = `${this.#place}"content_index":${message.contents.length},"delta":${JSON.stringify(delta)}`;
    return (
      opening +
      (type === "text"
        ? this.#event("response.output_text.delta", `${place},"logprobs":[]`)
        : this.#event("response.refusal.delta", place))
    );
  }

  think(delta: string): string {
    const item = this.#item;
    if (item?.kind !== "reasoning") return "";
    const opening =
      item.text === ""
        ? this.#event(
            "response.reasoning_summary_part.added",
            `${this.#place}"summary_index":0,"part":{"type":"summary_text","text":""}`,
          )
        : "";
    item.text += delta;
    this.chars += delta.length;
    const place = `${this.#place}"summary_index":0,"delta":${JSON.stringify(delta)}`;
    return opening + this.#event("response.reasoning_summary_text.delta", place);
  }

  arguments(delta: string): string {
    const item = this.#item;
    if (item?.kind !== "call") return "";
    item.text += delta;
    this.chars += delta.length;
    if (item.client !== undefined || delta === "") return "";
    const type = item.call.custom
      ? "response.custom_tool_call_input.delta"
      : "response.function_call_arguments.delta";
    return this.#event(type, `${this.#place}"delta":${JSON.stringify(delta)}`);
  }

  cite(citation: Citation): string {
    const message = this.#item;
    if (message?.kind !== "message" || message.part?.type !== "text") return "";
    const annotation = encodeAnnotation(citation, message.part.text.length);
    message.part.annotations.push(annotation);
    const place = `${this.#place}"content_index":${message.contents.length},"annotation_index":${message.part.annotations.length - 1}`;
    return this.#event(
      "response.output_text.annotation.added",
      `${place},"annotation":${JSON.stringify(annotation)}`,
    );
  }

  /** The neutral part ends; a message stays open for the next text. */
  closePart(): string {
    return this.#item?.kind === "message" ? this.#closeContent(this.#item) : this.closeItem();
  }

  #closeContent(message: OpenMessage): string {
    const part = message.part;
    if (part === null) return "";
    message.part = null;
    const place = `${this.#place}"content_index":${message.contents.length}`;
    const quoted = JSON.stringify(part.text);
    const content = JSON.stringify(
      part.type === "text"
        ? textContent(part.text, part.annotations, part.logprobs)
        : { type: "refusal", refusal: part.text },
    );
    message.contents.push(content);
    const done =
      part.type === "text"
        ? this.#event(
            "response.output_text.done",
            `${place},"text":${quoted},"logprobs":${JSON.stringify(part.logprobs)}`,
          )
        : this.#event("response.refusal.done", `${place},"refusal":${quoted}`);
    return done + this.#event("response.content_part.done", `${place},"part":${content}`);
  }

  closeItem(): string {
    const item = this.#item;
    if (item === null) return "";
    let text = "";
    let json: string;
    if (item.kind === "message") {
      text = this.#closeContent(item);
      json = messageItem(item.id, "completed", item.contents);
    } else if (item.kind === "reasoning") {
      text = this.#closeSummary(item);
      // Each gets a carrier, so that what goes back to OpenAI itself can be told from its own and cut.
      json = reasoningItem(
        item.id,
        item.text,
        this.#carrier(item.signature === null ? [] : [item.signature]),
      );
    } else {
      json = this.#closeCall(item);
      if (item.client !== undefined) {
        const begun = clientCallItem(item.client, item.call, "in_progress", item.text);
        text = this.#event("response.output_item.added", `"output_index":${item.index},"item":${begun}`);
      } else {
        text = this.#callDone(item);
      }
    }
    this.#item = null;
    this.items.push(json);
    text += this.#event("response.output_item.done", `"output_index":${item.index},"item":${json}`);
    for (const signature of this.#waiting.splice(0)) text += this.#carrySignature(signature);
    return text;
  }

  #closeSummary(item: OpenReasoning): string {
    if (item.text === "" || item.adopted === true) return "";
    const place = `${this.#place}"summary_index":0`;
    const quoted = JSON.stringify(item.text);
    return (
      this.#event("response.reasoning_summary_text.done", `${place},"text":${quoted}`) +
      this.#event(
        "response.reasoning_summary_part.done",
        `${place},"part":{"type":"summary_text","text":${quoted}}`,
      )
    );
  }

  #closeCall(item: OpenCall): string {
    if (item.client !== undefined) return clientCallItem(item.client, item.call, "completed", item.text);
    return callItem(item.call, "completed", textOfCall(item));
  }

  #callDone(item: OpenCall): string {
    const quoted = JSON.stringify(textOfCall(item));
    if (item.call.custom)
      return this.#event("response.custom_tool_call_input.done", `${this.#place}"input":${quoted}`);
    const name = JSON.stringify(item.call.name);
    return this.#event(
      "response.function_call_arguments.done",
      `${this.#place}"name":${name},"arguments":${quoted}`,
    );
  }

  /** The signature of a call or a text has no place of its own: it rides in a reasoning item (40-protocols 1.7). */
  #carrySignature(signature: Signature): string {
    const id = mintItemId("rs", this.#context.random);
    const index = this.nextIndex++;
    const item = reasoningItem(id, "", this.#carrier([signature]));
    this.items.push(item);
    return (
      this.#event(
        "response.output_item.added",
        `"output_index":${index},"item":${reasoningItem(id, "", undefined)}`,
      ) + this.#event("response.output_item.done", `"output_index":${index},"item":${item}`)
    );
  }

  #carrier(signatures: readonly Signature[]): string {
    return encodeCarrier(this.#context.origin, signatures);
  }

  #enter(item: OpenItem, id: string): void {
    this.#item = item;
    this.#place = `"item_id":"${id}","output_index":${item.index},`;
  }

  /** Goes on inside the item that a relayed stream left open. */
  #adopt(open: NonNullable<StreamPosition["open"]>): void {
    const { itemId: id, index, text = "" } = open;
    if (open.kind === "text") {
      // Without a content index the stream broke between two parts of the message.
      const part =
        open.contentIndex === undefined
          ? null
          : { type: "text" as const, text, annotations: [], logprobs: [] };
      this.#enter({ kind: "message", id, index, contents: [...(open.contents ?? [])], part }, id);
    } else if (open.kind === "thinking") {
      this.#enter({ kind: "reasoning", id, index, text, signature: null, adopted: true }, id);
    }
  }

  #event(type: string, members: string): string {
    return `event: ${type}\ndata: {"type":"${type}","sequence_number":${this.sequence++},${members}}\n\n`;
  }
}

/** An empty call of a function is a call with no arguments, which is an empty object (case 49). */
function textOfCall(item: OpenCall): string {
  return item.text === "" && !item.call.custom ? "{}" : item.text;
}
