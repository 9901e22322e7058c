/** Watches a relayed Ollama stream line by line, by bytes. */
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { findValue, parseSpan, type Span, stringIn } from "../byte-members.ts";
import { afterSpace, spells } from "../byte-text.ts";
import { EscapedText, type KeepOptions } from "../escaped-text.ts";
import type { Stop, Usage } from "../neutral.ts";
import {
  CONTENT,
  ERROR,
  FINISH,
  MALFORMED,
  PING,
  REASONING,
  type StreamInspector,
  type StreamPosition,
  TERMINAL,
  TOOL_CALL,
} from "../protocol.ts";
import { decodeError } from "./errors.ts";
import { decodeDate, decodeStop, decodeUsage } from "./types.ts";

export function createInspector(options: KeepOptions): StreamInspector {
  return new OllamaInspector(options);
}

class OllamaInspector implements StreamInspector {
  usage: Usage | null = null;
  error: UpstreamErrorInfo | null = null;
  model = "";
  stop: Stop | null = null;
  readonly #keeper: EscapedText;
  #created = 0;
  #hasCalls = false;

  constructor(options: KeepOptions) {
    this.#keeper = new EscapedText(options);
  }

  get text(): Buffer | null {
    return this.#keeper.bytes;
  }

  inspect(event: Buffer, start: number, end: number): number {
    const from = afterSpace(event, start, end);
    if (from >= end) return PING;
    if (event[from] !== 0x7b || !endsWithBrace(event, from, end)) return MALFORMED;
    if (findValue(event, from, end, "error") !== null) {
      this.error = decodeError(0, event.toString("utf8", from, end));
      return ERROR;
    }
    if (this.model === "") this.#begin(event, from, end);
    const message = findValue(event, from, end, "message");
    const at = message ?? { start: from, end };
    let flags = this.#calls(event, at);
    if (isText(event, findValue(event, at.start, at.end, "thinking"))) flags |= CONTENT | REASONING;
    const text = findValue(event, at.start, at.end, message === null ? "response" : "content");
    if (text !== null && isText(event, text)) {
      flags |= CONTENT;
      this.#keeper.append(event, text.start + 1, text.end - 1);
    }
    const done = findValue(event, from, end, "done");
    if (done !== null && spells(event, done.start, done.end - done.start, "true")) {
      flags |= FINISH | TERMINAL;
      this.#finish(event, from, end);
    }
    return flags === 0 && message === null && text === null ? MALFORMED : flags;
  }

  position(): StreamPosition {
    const open = (this.#keeper.bytes?.length ?? 0) > 0;
    return {
      id: "",
      model: this.model,
      created: this.#created,
      nextIndex: open ? 1 : 0,
      open: open ? { kind: "text", index: 0, itemId: "" } : null,
      sequence: 0,
      started: this.model !== "",
      items: [],
    };
  }

  #begin(event: Buffer, from: number, end: number): void {
    this.model = stringIn(event, findValue(event, from, end, "model"));
    this.#created = decodeDate(stringIn(event, findValue(event, from, end, "created_at"))) ?? 0;
  }

  #calls(event: Buffer, at: Span): number {
    const calls = findValue(event, at.start, at.end, "tool_calls");
    if (
      calls === null ||
      event[calls.start] !== 0x5b ||
      event[afterSpace(event, calls.start + 1, calls.end)] === 0x5d
    )
      return 0;
    this.#hasCalls = true;
    this.#keeper.giveUp();
    return CONTENT | TOOL_CALL;
  }

  #finish(event: Buffer, from: number, end: number): void {
    this.usage = readFigures(event, from, end) ?? this.usage;
    this.stop = decodeStop(stringIn(event, findValue(event, from, end, "done_reason")), this.#hasCalls);
  }
}

/** Usage of a line or a whole answer. */
export function readFigures(event: Buffer, from: number, end: number): Usage | null {
  return decodeUsage({
    prompt_eval_count: parseSpan(event, findValue(event, from, end, "prompt_eval_count")),
    eval_count: parseSpan(event, findValue(event, from, end, "eval_count")),
  });
}

function isText(event: Buffer, span: Span | null): boolean {
  return span !== null && event[span.start] === 0x22 && span.end - span.start > 2;
}

function endsWithBrace(event: Buffer, from: number, end: number): boolean {
  let at = end - 1;
  while (at > from && (event[at] ?? 0) <= 0x20) at--;
  return event[at] === 0x7d;
}
