/** Writes one message item of a Responses stream: its text and refusal parts, one after another. */
import type { Citation } from "../neutral.ts";
import type { EventLines } from "./event-lines.ts";
import { messageItem, textContent } from "./items.ts";
import { encodeAnnotation, encodeLogprobs } from "./types.ts";

interface OpenContent {
  readonly type: "text" | "refusal";
  text: string;
  readonly annotations: object[];
  readonly logprobs: unknown[];
}

export class MessageWriter {
  readonly kind = "message";
  readonly id: string;
  readonly index: number;
  readonly #events: EventLines;
  /** `"item_id":…,"output_index":…,` for every event. */
  readonly #place: string;
  /** Finished parts, verbatim JSON. */
  readonly #contents: string[];
  #part: OpenContent | null = null;

  constructor(events: EventLines, id: string, index: number, contents: readonly string[] = []) {
    this.#events = events;
    this.id = id;
    this.index = index;
    this.#place = `"item_id":"${id}","output_index":${index},`;
    this.#contents = [...contents];
  }

  /** Goes on in a text part that a relayed stream left open. */
  adopt(text: string): void {
    this.#part = { type: "text", text, annotations: [], logprobs: [] };
  }

  begin(): string {
    const item = messageItem(this.id, "in_progress", []);
    return this.#events.write("response.output_item.added", `"output_index":${this.index},"item":${item}`);
  }

  open(type: "text" | "refusal"): string {
    this.#part = { type, text: "", annotations: [], logprobs: [] };
    const part = type === "text" ? textContent("", [], []) : { type: "refusal", refusal: "" };
    return this.#events.write(
      "response.content_part.added",
      `${this.#place}"content_index":${this.#contents.length},"part":${JSON.stringify(part)}`,
    );
  }

  text(type: "text" | "refusal", delta: string): string {
    const opening = this.#part === null ? this.open(type) : "";
    if (this.#part !== null) this.#part.text += delta;
    const place = `${this.#place}"content_index":${this.#contents.length},"delta":${JSON.stringify(delta)}`;
    return (
      opening +
      (type === "text"
        ? this.#events.write("response.output_text.delta", `${place},"logprobs":[]`)
        : this.#events.write("response.refusal.delta", place))
    );
  }

  logprobs(raw: string): void {
    const logprobs = this.#part?.logprobs;
    if (logprobs !== undefined) for (const logprob of encodeLogprobs(raw)) logprobs.push(logprob);
  }

  cite(citation: Citation): string {
    const part = this.#part;
    if (part?.type !== "text") return "";
    const annotation = encodeAnnotation(citation, part.text.length);
    part.annotations.push(annotation);
    const place = `${this.#place}"content_index":${this.#contents.length},"annotation_index":${part.annotations.length - 1}`;
    return this.#events.write(
      "response.output_text.annotation.added",
      `${place},"annotation":${JSON.stringify(annotation)}`,
    );
  }

  /** The open part ends; the message stays open for the next one. */
  closePart(): string {
    const part = this.#part;
    if (part === null) return "";
    this.#part = null;
    const place = `${this.#place}"content_index":${this.#contents.length}`;
    const quoted = JSON.stringify(part.text);
    const content = JSON.stringify(
      part.type === "text"
        ? textContent(part.text, part.annotations, part.logprobs)
        : { type: "refusal", refusal: part.text },
    );
    this.#contents.push(content);
    const done =
      part.type === "text"
        ? this.#events.write(
            "response.output_text.done",
            `${place},"text":${quoted},"logprobs":${JSON.stringify(part.logprobs)}`,
          )
        : this.#events.write("response.refusal.done", `${place},"refusal":${quoted}`);
    return done + this.#events.write("response.content_part.done", `${place},"part":${content}`);
  }

  /** The finished item. */
  get json(): string {
    return messageItem(this.id, "completed", this.#contents);
  }
}
