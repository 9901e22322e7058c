/** Writes the output items of a Responses stream, one at a time, and keeps the finished ones. */
import type { Citation, Signature, StreamEvent } from "../neutral.ts";
import type { AnswerContext, StreamPosition } from "../protocol.ts";
import { encodeCarrier } from "../signature-carrier.ts";
import { CallWriter } from "./call-writer.ts";
import { EventLines } from "./event-lines.ts";
import { type CallHead, clientCall, mintItemId, reasoningItem } from "./items.ts";
import { MessageWriter } from "./message-writer.ts";

interface OpenReasoning {
  readonly kind: "reasoning";
  readonly id: string;
  readonly index: number;
  text: string;
  signature: Signature | null;
  /** Begun by the upstream's own events: they may name other places than ours, so only the item is ended. */
  readonly adopted?: boolean;
}

type OpenItem = MessageWriter | OpenReasoning | CallWriter;

/** What is kept of an item or a citation beside its texts, about. */
const ITEM_CHARS = 256;

export class ItemWriter {
  readonly #context: AnswerContext;
  readonly events: EventLines;
  #item: OpenItem | null = null;
  /** `"item_id":…,"output_index":…,` of the open item, for every delta. */
  #place = "";
  /** Signatures that came inside an item which cannot hold them; they follow it. */
  readonly #waiting: Signature[] = [];
  /** The next item's `output_index`. */
  nextIndex: number;
  /** Finished items, verbatim JSON. */
  readonly items: string[];
  /** Characters held for the last event. */
  chars = 0;

  constructor(context: AnswerContext, resume?: StreamPosition) {
    this.#context = context;
    this.events = new EventLines(resume?.sequence ?? 0);
    this.nextIndex = resume?.nextIndex ?? 0;
    this.items = [...(resume?.items ?? [])];
    if (resume !== undefined && resume.open !== null) this.#adopt(resume.open);
  }

  logprobs(raw: string): void {
    if (this.#item?.kind !== "message") return;
    this.chars += raw.length;
    this.#item.logprobs(raw);
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
          this.events.write(
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
          this.events.write("response.output_item.added", place) +
          this.events.write("response.output_item.done", place)
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
    if (this.#item?.kind === "message") return this.#item.open(type);
    const text = this.closeItem();
    const message = new MessageWriter(this.events, mintItemId("msg", this.#context.random), this.nextIndex++);
    this.#enter(message, message.id);
    return text + message.begin() + message.open(type);
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
    const writer = new CallWriter(this.events, call, client, this.nextIndex++);
    this.#enter(writer, call.itemId);
    return text + writer.begin();
  }

  text(type: "text" | "refusal", delta: string): string {
    if (this.#item?.kind !== "message") return "";
    this.chars += delta.length;
    return this.#item.text(type, delta);
  }

  think(delta: string): string {
    const item = this.#item;
    if (item?.kind !== "reasoning") return "";
    const opening =
      item.text === ""
        ? this.events.write(
            "response.reasoning_summary_part.added",
            `${this.#place}"summary_index":0,"part":{"type":"summary_text","text":""}`,
          )
        : "";
    item.text += delta;
    this.chars += delta.length;
    const place = `${this.#place}"summary_index":0,"delta":${JSON.stringify(delta)}`;
    return opening + this.events.write("response.reasoning_summary_text.delta", place);
  }

  arguments(delta: string): string {
    if (this.#item?.kind !== "call") return "";
    this.chars += delta.length;
    return this.#item.arguments(delta);
  }

  cite(citation: Citation): string {
    if (this.#item?.kind !== "message") return "";
    this.chars += citation.url.length + citation.title.length + ITEM_CHARS;
    return this.#item.cite(citation);
  }

  /** The neutral part ends; a message stays open for the next text. */
  closePart(): string {
    return this.#item?.kind === "message" ? this.#item.closePart() : this.closeItem();
  }

  closeItem(): string {
    const item = this.#item;
    if (item === null) return "";
    let text = "";
    let json: string;
    if (item.kind === "message") {
      text = item.closePart();
      json = item.json;
    } else if (item.kind === "reasoning") {
      text = this.#closeSummary(item);
      // Each gets a carrier, so that what goes back to OpenAI itself can be told from its own and cut.
      json = reasoningItem(
        item.id,
        item.text,
        this.#carrier(item.signature === null ? [] : [item.signature]),
      );
    } else {
      text = item.close();
      json = item.json;
    }
    this.#item = null;
    this.items.push(json);
    this.chars += ITEM_CHARS;
    text += this.events.write("response.output_item.done", `"output_index":${item.index},"item":${json}`);
    for (const signature of this.#waiting.splice(0)) text += this.#carrySignature(signature);
    return text;
  }

  #closeSummary(item: OpenReasoning): string {
    if (item.text === "" || item.adopted === true) return "";
    const place = `${this.#place}"summary_index":0`;
    const quoted = JSON.stringify(item.text);
    return (
      this.events.write("response.reasoning_summary_text.done", `${place},"text":${quoted}`) +
      this.events.write(
        "response.reasoning_summary_part.done",
        `${place},"part":{"type":"summary_text","text":${quoted}}`,
      )
    );
  }

  /** The signature of a call or a text has no place of its own: it rides in a reasoning item (40-protocols 1.7). */
  #carrySignature(signature: Signature): string {
    const id = mintItemId("rs", this.#context.random);
    const index = this.nextIndex++;
    const item = reasoningItem(id, "", this.#carrier([signature]));
    this.items.push(item);
    this.chars += item.length;
    return (
      this.events.write(
        "response.output_item.added",
        `"output_index":${index},"item":${reasoningItem(id, "", undefined)}`,
      ) + this.events.write("response.output_item.done", `"output_index":${index},"item":${item}`)
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
      const message = new MessageWriter(this.events, id, index, open.contents);
      // Without a content index the stream broke between two parts of the message.
      if (open.contentIndex !== undefined) message.adopt(text);
      this.#enter(message, id);
    } else if (open.kind === "thinking") {
      this.#enter({ kind: "reasoning", id, index, text, signature: null, adopted: true }, id);
    }
  }
}
