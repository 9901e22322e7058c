/** Chunks of a Chat stream -> neutral events (40-protocols 3.3). */
import { type JsonObject, listOf, numberOf, objectOf, stringOf } from "../json-value.ts";
import type { StreamEvent } from "../neutral.ts";
import type { ConvertContext, StreamDecoder } from "../protocol.ts";
import { readAnnotations } from "./annotations.ts";
import { readErrorObject } from "./errors.ts";
import { StreamChoice } from "./stream-choice.ts";
import { readChatUsage } from "./usage.ts";

const MAX_CHOICES = 128;

export class ChatDecoder implements StreamDecoder {
  readonly #context: ConvertContext;
  readonly #choices = new Map<number, StreamChoice>();
  #started = false;
  #done = false;
  #failed = false;

  constructor(context: ConvertContext) {
    this.#context = context;
  }

  decode(data: string, _event: string, out: StreamEvent[]): void {
    if (this.#failed || this.#done) return;
    if (data.trim() === "[DONE]") {
      this.#done = true;
      return;
    }
    let doc: unknown;
    try {
      doc = JSON.parse(data);
    } catch {
      return; // One malformed event in a stream that otherwise goes on is skipped (30-routing.md).
    }
    const chunk = objectOf(Array.isArray(doc) ? doc[0] : doc);
    if (chunk === undefined) return;
    if ((chunk.error !== undefined && chunk.error !== null) || chunk.object === "error") {
      this.#fail(doc, out);
      return;
    }
    if (!this.#started) {
      this.#started = true;
      out.push({
        type: "start",
        id: stringOf(chunk.id) ?? "",
        model: stringOf(chunk.model) ?? "",
        created: numberOf(chunk.created) ?? 0,
      });
    }
    for (const item of listOf(chunk.choices)) {
      const choice = objectOf(item);
      if (choice !== undefined) this.#choice(choice, out);
    }
    // Azure's first chunk and the last one have no choices but may hold usage (LiteLLM #30761).
    const usage = readChatUsage(chunk.usage ?? objectOf(chunk.x_groq)?.usage);
    if (usage !== null) out.push({ type: "usage", usage });
  }

  get done(): boolean {
    return this.#done;
  }

  finish(out: StreamEvent[]): void {
    if (this.#failed) return;
    let finished = false;
    for (const choice of this.#choices.values()) {
      // The sentinel without a finish reason is a whole answer, neither of both is a cut (40-protocols 2.1).
      if (choice.finish === "" && this.#done) choice.finish = "stop";
      if (choice.finish === "") {
        choice.flush(out);
        continue;
      }
      finished = true;
      choice.stop(out);
    }
    if (finished || (this.#done && this.#started)) {
      if (!finished) out.push({ type: "stop", c: 0, stop: { reason: "stop" } });
      out.push({ type: "end" });
      return;
    }
    out.push({
      type: "error",
      error: {
        status: 502,
        code: "truncated",
        message: "the upstream's stream ended before the answer was complete",
        param: null,
        retryAfterMs: null,
        recognised: true,
      },
    });
  }

  #fail(doc: unknown, out: StreamEvent[]): void {
    this.#failed = true;
    const error = readErrorObject(doc, 0);
    out.push({
      type: "error",
      error: error ?? {
        status: 0,
        code: "",
        message: "the upstream sent an error without a message",
        param: null,
        retryAfterMs: null,
        recognised: false,
      },
    });
  }

  #choice(item: JsonObject, out: StreamEvent[]): void {
    const index = numberOf(item.index) ?? 0;
    if (index < 0 || index >= MAX_CHOICES) return;
    let choice = this.#choices.get(index);
    if (choice === undefined) {
      choice = new StreamChoice(index, this.#context.thinkTags === true);
      this.#choices.set(index, choice);
    }
    // Servers that do not stream on request answer with `message` in one chunk.
    const delta = objectOf(item.delta) ?? objectOf(item.message);
    if (delta !== undefined && choice.finish === "") this.#delta(choice, delta, out);
    const logprobs = objectOf(item.logprobs);
    if (logprobs !== undefined) {
      out.push({
        type: "logprobs",
        c: choice.c,
        i: Math.max(0, choice.next - 1),
        raw: JSON.stringify(logprobs),
      });
    }
    const finish = stringOf(item.finish_reason);
    if (finish !== undefined && finish !== "" && choice.finish === "") {
      choice.finish = finish;
      choice.stop(out);
    }
  }

  #delta(choice: StreamChoice, delta: JsonObject, out: StreamEvent[]): void {
    const reasoning = stringOf(delta.reasoning_content) ?? stringOf(delta.reasoning) ?? detailsText(delta);
    if (reasoning !== undefined && reasoning !== "") {
      out.push({ type: "think", c: choice.c, i: choice.part("thinking", out), text: reasoning });
    }
    const content = delta.content;
    if (typeof content === "string") choice.text(content, out);
    else for (const item of listOf(content)) this.#contentPart(choice, objectOf(item) ?? {}, out);
    const refusal = stringOf(delta.refusal);
    if (refusal !== undefined && refusal !== "") {
      out.push({ type: "refusal", c: choice.c, i: choice.part("refusal", out), text: refusal });
    }
    for (const item of listOf(delta.images)) choice.image(objectOf(item) ?? {}, out);
    for (const citation of readAnnotations(delta.annotations)) {
      out.push({ type: "cite", c: choice.c, i: choice.part("text", out), citation });
    }
    for (const item of listOf(delta.tool_calls)) {
      const call = objectOf(item);
      if (call !== undefined) choice.call(call, out);
    }
    const legacy = objectOf(delta.function_call);
    if (legacy !== undefined) choice.call({ index: 0, function: legacy }, out);
  }

  /** Mistral's reasoning models send content as parts. */
  #contentPart(choice: StreamChoice, item: JsonObject, out: StreamEvent[]): void {
    if (item.type === "thinking") {
      const text = listOf(item.thinking)
        .map((piece) => stringOf(objectOf(piece)?.text) ?? "")
        .join("");
      if (text !== "") out.push({ type: "think", c: choice.c, i: choice.part("thinking", out), text });
    } else {
      choice.text(stringOf(item.text) ?? "", out);
    }
  }
}

/** OpenRouter's `reasoning_details`, for servers that send nothing else. */
function detailsText(delta: JsonObject): string | undefined {
  const details = listOf(delta.reasoning_details);
  if (details.length === 0) return undefined;
  return details
    .map((item) => stringOf(objectOf(item)?.text) ?? stringOf(objectOf(item)?.summary) ?? "")
    .join("");
}
