/** Builds the JSON lines of an answer, in the shape of the endpoint that was asked. */
import type { Stop, Usage } from "../neutral.ts";
import type { AnswerContext } from "../protocol.ts";
import { parseArguments } from "./arguments.ts";
import { type Endpoint, encodeDate, encodeStop, endpointOf } from "./types.ts";

export interface LineContent {
  readonly text: string;
  readonly thinking?: string;
  readonly calls?: readonly object[];
}

const NANOSECONDS = 1_000_000;

export class AnswerLines {
  readonly #context: AnswerContext;
  readonly #endpoint: Endpoint;
  /** `"model":…,"created_at":…` of every line. */
  readonly #head: string;
  #firstMs = -1;

  constructor(context: AnswerContext, model: string, created: number) {
    this.#context = context;
    this.#endpoint = endpointOf(context.request);
    const shown = context.answerModel || model || context.requestModel;
    this.#head = `"model":${JSON.stringify(shown)},"created_at":"${encodeDate(created || context.now)}"`;
  }

  /** One line of a stream, without the newline. */
  line(content: LineContent): string {
    if (this.#firstMs < 0) this.#firstMs = this.#context.elapsedMs?.() ?? 0;
    return `{${this.#head},${this.#content(content)},"done":false}`;
  }

  /** A call whose arguments are no object is shown under `input`; null when they were cut short. */
  call(name: string, custom: boolean, argumentsText: string): object | null {
    const value = custom ? { input: argumentsText } : parseArguments(argumentsText);
    return value === null ? null : { function: { name, arguments: value } };
  }

  /** The line that ends an answer; durations in nanoseconds, 0 where nothing was measured. */
  last(stop: Stop, usage: Usage | null, content: LineContent = { text: "" }): string {
    const total = this.#context.elapsedMs?.() ?? 0;
    const first = this.#firstMs < 0 ? total : this.#firstMs;
    const figures = {
      done: true,
      done_reason: encodeStop(stop),
      total_duration: Math.round(total * NANOSECONDS),
      load_duration: 0,
      prompt_eval_count: usage?.input ?? this.#context.promptEstimate,
      prompt_eval_duration: Math.round(first * NANOSECONDS),
      eval_count: usage?.output ?? 0,
      eval_duration: Math.round((total - first) * NANOSECONDS),
    };
    return `{${this.#head},${this.#content(content)},${JSON.stringify(figures).slice(1)}`;
  }

  #content(content: LineContent): string {
    const thinking = content.thinking === undefined ? {} : { thinking: content.thinking };
    const calls = content.calls === undefined ? {} : { tool_calls: content.calls };
    if (this.#endpoint === "generate")
      return JSON.stringify({ response: content.text, ...thinking, ...calls }).slice(1, -1);
    return `"message":${JSON.stringify({ role: "assistant", content: content.text, ...thinking, ...calls })}`;
  }
}
