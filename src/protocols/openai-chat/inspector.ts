/** Watches a relayed Chat stream by bytes: one pass over the keys of each event, JSON.parse only for usage and errors. */

import { findSseData } from "../../base/sse.ts";
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { afterSpace, closingBracket, closingQuote, saysAt, spells, stringAt } from "../byte-text.ts";
import { EscapedText, type KeepOptions } from "../escaped-text.ts";
import { KnownEvents } from "../known-events.ts";
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
  USAGE_ONLY,
} from "../protocol.ts";
import { mergeUsage } from "../usage.ts";
import { type MemberSink, walkMembers } from "../walk-members.ts";
import { decodeError } from "./errors.ts";
import { readFinish } from "./finish.ts";
import { readChatUsage } from "./usage.ts";

const QUOTE = 0x22;

/** Depths of the members that matter: {1 choices:[2 {3 delta:{4 …}}]}. */
const ROOT = 1;
const CHOICE = 3;
const DELTA = 4;

/** What an event may say that changes nothing when it is said again. */
const REPEATABLE = CONTENT | REASONING | TOOL_CALL;

export class ChatInspector implements StreamInspector, MemberSink {
  readonly known: KnownEvents;
  usage: Usage | null = null;
  error: UpstreamErrorInfo | null = null;
  model = "";
  stop: Stop | null = null;
  #id = "";
  #created = 0;
  #begun = false;
  #open = false;
  readonly #keeper: EscapedText;
  readonly #data = { start: 0, end: 0 };
  #flags = 0;
  #emptyChoices = false;
  #hasUsage = false;
  #inChoices = false;
  #inDelta = false;

  constructor(options: KeepOptions) {
    this.#keeper = new EscapedText(options);
    this.known = new KnownEvents(this.#keeper);
  }

  get text(): Buffer | null {
    return this.#keeper.bytes;
  }

  inspect(event: Buffer, start: number, end: number): number {
    if (this.known.match(event, start, end) === end) return this.known.accept(event);
    if (!findSseData(event, start, end, this.#data)) return PING;
    const from = afterSpace(event, this.#data.start, this.#data.end);
    const to = this.#data.end;
    if (from >= to) return PING;
    if (event[from] === 0x5b) {
      if (isDone(event, from, to)) return TERMINAL;
      // Gemini's compatible endpoint wraps an error in a list.
      return this.#readError(event, from, to) ? ERROR : MALFORMED;
    }
    if (event[from] !== 0x7b) return MALFORMED;
    this.#flags = 0;
    this.#inChoices = false;
    this.#inDelta = false;
    this.#emptyChoices = false;
    this.#hasUsage = false;
    this.known.begin();
    if (!walkMembers(event, from, to, this)) return MALFORMED;
    this.#begun = true;
    if ((this.#flags & ERROR) !== 0) {
      this.#readError(event, from, to);
      return ERROR;
    }
    if (this.#hasUsage && this.#emptyChoices) return USAGE_ONLY;
    if (!this.#hasUsage && (this.#flags & ~REPEATABLE) === 0)
      this.known.learn(event, start, end, this.#flags);
    return this.#flags;
  }

  position(): StreamPosition {
    return {
      id: this.#id,
      model: this.model,
      created: this.#created,
      nextIndex: this.#open ? 1 : 0,
      open: this.#open ? { kind: "text", index: 0, itemId: "" } : null,
      sequence: 0,
      started: this.#begun,
      items: [],
    };
  }

  onMember(event: Buffer, key: number, length: number, value: number, to: number, depth: number): void {
    if (depth === ROOT) {
      this.#inChoices = spells(event, key, length, "choices");
      this.#rootKey(event, key, length, value, to);
    } else if (!this.#inChoices) {
      return; // Azure's filter results have members of the same names.
    } else if (depth === CHOICE) {
      this.#inDelta = spells(event, key, length, "delta");
      this.#choiceKey(event, key, length, value, to);
    } else if (depth === DELTA) {
      if (this.#inDelta) this.#deltaKey(event, key, length, value, to);
    } else if (spells(event, key, length, "arguments")) {
      this.#noteString(event, value, to, false); // of a tool call
    }
  }

  #deltaKey(event: Buffer, key: number, length: number, value: number, to: number): void {
    const first = event[value];
    if (first === QUOTE) {
      if (event[value + 1] === QUOTE) return;
      if (spells(event, key, length, "content")) {
        this.#flags |= CONTENT;
        this.#open = true;
        this.#keeper.append(event, value + 1, this.#noteString(event, value, to, true));
      } else if (spells(event, key, length, "reasoning_content") || spells(event, key, length, "reasoning")) {
        this.#flags |= CONTENT | REASONING;
        this.#noteString(event, value, to, false);
      } else if (spells(event, key, length, "refusal")) {
        this.#flags |= CONTENT;
        this.#noteString(event, value, to, false);
      }
      return;
    }
    if (first === 0x5b) {
      if (event[afterSpace(event, value + 1, to)] === 0x5d) return;
      if (spells(event, key, length, "tool_calls")) this.#flags |= CONTENT | TOOL_CALL;
      else if (spells(event, key, length, "reasoning_details")) this.#flags |= CONTENT | REASONING;
      else if (spells(event, key, length, "images") || spells(event, key, length, "content")) {
        // Mistral's magistral models send parts as content: something, but not text to go on with.
        this.#flags |= CONTENT;
        this.#keeper.giveUp();
      }
    } else if (first === 0x7b) {
      if (spells(event, key, length, "function_call")) this.#flags |= CONTENT | TOOL_CALL;
      else if (spells(event, key, length, "audio")) {
        this.#flags |= CONTENT;
        this.#keeper.giveUp();
      }
    }
  }

  #choiceKey(event: Buffer, key: number, length: number, value: number, to: number): void {
    if (spells(event, key, length, "finish_reason")) {
      const word = stringAt(event, value, to);
      if (word === "") return;
      this.#flags |= FINISH;
      this.stop = readFinish(word);
    } else if (spells(event, key, length, "index")) {
      // Several candidates cannot be continued.
      if (event[value] !== 0x30) this.#keeper.giveUp();
    } else if (spells(event, key, length, "logprobs")) {
      if (event[value] === 0x7b) this.#keeper.giveUp();
    } else if (spells(event, key, length, "text") && event[value] === QUOTE && event[value + 1] !== QUOTE) {
      this.#flags |= CONTENT; // Legacy completions
      this.#open = true;
      this.#keeper.append(event, value + 1, closingQuote(event, value, to));
    }
  }

  #rootKey(event: Buffer, key: number, length: number, value: number, to: number): void {
    if (this.#inChoices) {
      this.#emptyChoices = event[value] === 0x5b && event[afterSpace(event, value + 1, to)] === 0x5d;
    } else if (spells(event, key, length, "usage")) {
      if (event[value] === 0x7b) this.#readUsage(event, value, to);
    } else if (spells(event, key, length, "error")) {
      if (event[value] === 0x7b || event[value] === QUOTE) this.#flags |= ERROR;
    } else if (spells(event, key, length, "object")) {
      if (saysAt(event, value, to, "error")) this.#flags |= ERROR;
    } else if (spells(event, key, length, "id")) {
      if (this.#id === "") this.#id = stringAt(event, value, to);
      // Only the first is looked at: what follows may be another one, as another stream's is.
      if (this.#id !== "") this.#noteString(event, value, to, false);
    } else if (this.model === "" && spells(event, key, length, "model")) {
      this.model = stringAt(event, value, to);
    } else if (spells(event, key, length, "created")) {
      if (this.#created === 0)
        this.#created = Number.parseInt(event.toString("latin1", value, Math.min(to, value + 12)), 10) || 0;
      if (this.#created !== 0) this.known.noteDigits(event, value, to);
    } else if (spells(event, key, length, "obfuscation")) {
      this.#noteString(event, value, to, false);
    }
  }

  /** A string that is another one in every event. Returns where its inside ends, -1 when it does not. */
  #noteString(event: Buffer, value: number, to: number, keep: boolean): number {
    if (event[value] !== QUOTE) return -1;
    const end = closingQuote(event, value, to);
    this.known.note(value + 1, end, keep);
    return end;
  }

  #readUsage(event: Buffer, value: number, to: number): void {
    const end = closingBracket(event, value, to);
    if (end < 0) return;
    try {
      const usage = readChatUsage(JSON.parse(event.toString("utf8", value, end)));
      if (usage === null) return;
      this.#hasUsage = true;
      this.usage = mergeUsage(this.usage, usage);
    } catch {
      // Figures that cannot be read are no figures; the event itself is relayed.
    }
  }

  #readError(event: Buffer, from: number, to: number): boolean {
    const found = decodeError(0, event.toString("utf8", from, to));
    if (found.recognised) this.error = found;
    else if (this.error === null)
      this.error = { ...found, message: "the upstream sent an error without a message" };
    return found.recognised;
  }
}

const DONE = "[DONE]";

function isDone(event: Buffer, from: number, to: number): boolean {
  for (let i = 0; i < DONE.length; i++) {
    if (event[from + i] !== DONE.charCodeAt(i)) return false;
  }
  return afterSpace(event, from + DONE.length, to) === to;
}
