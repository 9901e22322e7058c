/** One choice of a Chat stream on its way to neutral events: which part is open, and its calls. */
import { type JsonObject, objectOf, stringOf } from "../json-value.ts";
import type { StreamEvent } from "../neutral.ts";
import { ThinkTagSplitter } from "../think-tags.ts";
import { readFinish } from "./finish.ts";
import { argumentsOf, type StreamCall, StreamCalls } from "./stream-calls.ts";

/** Arguments that are kept while their call has no name. */
const MAX_EARLY = 1024 * 1024;

export class StreamChoice {
  readonly c: number;
  /** The next part's index. */
  next = 0;
  /** The finish reason as the server said it; "" until then. */
  finish = "";
  /** The open text-like part, if any. */
  #open: { readonly kind: "text" | "thinking" | "refusal"; readonly i: number } | null = null;
  readonly #calls = new StreamCalls();
  readonly #tags: ThinkTagSplitter | null;
  #stopped = false;

  constructor(c: number, thinkTags: boolean) {
    this.c = c;
    this.#tags = thinkTags ? new ThinkTagSplitter() : null;
  }

  /** The choice ends, for the reason that stands in `finish`. */
  stop(out: StreamEvent[]): void {
    this.flush(out);
    if (this.#stopped) return;
    for (const call of this.#calls.all) this.#beginCall(call, out);
    this.#stopped = true;
    out.push({ type: "stop", c: this.c, stop: readFinish(this.finish) });
  }

  text(text: string, out: StreamEvent[]): void {
    if (text === "") return;
    if (this.#tags === null) {
      out.push({ type: "text", c: this.c, i: this.part("text", out), text });
      return;
    }
    this.#tagged(this.#tags.push(text), out);
  }

  #tagged(pieces: ReturnType<ThinkTagSplitter["push"]>, out: StreamEvent[]): void {
    for (const piece of pieces) {
      const i = this.part(piece.thinking ? "thinking" : "text", out);
      out.push({ type: piece.thinking ? "think" : "text", c: this.c, i, text: piece.text });
    }
  }

  /** The text is over: what was held back, because it could have begun a tag, is text after all. */
  flush(out: StreamEvent[]): void {
    if (this.#tags !== null) this.#tagged(this.#tags.flush(), out);
  }

  /** An image of OpenRouter's form (40-protocols 2.4). */
  image(item: JsonObject, out: StreamEvent[]): void {
    const url = stringOf(objectOf(item.image_url)?.url) ?? "";
    const found = /^data:([^;,]+);base64,/.exec(url.slice(0, 128));
    if (found === null) return;
    this.#close(out);
    const i = this.next++;
    const data = url.slice(found[0].length);
    out.push({ type: "part", c: this.c, i, kind: "image", mime: found[1] ?? "", data });
    out.push({ type: "close", c: this.c, i });
  }

  /** Index of the open part of that kind; begun when it is not. */
  part(kind: "text" | "thinking" | "refusal", out: StreamEvent[]): number {
    if (this.#open?.kind === kind) return this.#open.i;
    this.#close(out);
    const i = this.next++;
    this.#open = { kind, i };
    out.push({ type: "part", c: this.c, i, kind });
    return i;
  }

  #close(out: StreamEvent[]): void {
    if (this.#open === null) return;
    out.push({ type: "close", c: this.c, i: this.#open.i });
    this.#open = null;
  }

  /** One element of `tool_calls`. */
  call(item: JsonObject, out: StreamEvent[]): void {
    const call = this.#calls.take(item);
    if (call === null) return;
    const text = argumentsOf(item);
    if (call.name === "") {
      if (call.early.length + text.length > MAX_EARLY) out.push(TOO_LARGE);
      else call.early += text;
      return;
    }
    this.#beginCall(call, out);
    if (text !== "") out.push({ type: "arguments", c: this.c, i: call.part, text });
  }

  #beginCall(call: StreamCall, out: StreamEvent[]): void {
    if (call.part >= 0 || (call.name === "" && call.early === "" && call.id === "")) return;
    this.#close(out);
    call.part = this.next++;
    out.push({
      type: "part",
      c: this.c,
      i: call.part,
      kind: "call",
      id: call.id,
      name: call.name,
      custom: call.custom,
      ...(call.signature === "" ? {} : { signature: { vendor: "google", value: call.signature } }),
    });
    if (call.early !== "") out.push({ type: "arguments", c: this.c, i: call.part, text: call.early });
    call.early = "";
  }
}

const TOO_LARGE: StreamEvent = {
  type: "error",
  error: {
    status: 502,
    code: "broken_call",
    message: "the model's tool call is too large",
    param: null,
    retryAfterMs: null,
    recognised: true,
  },
};
