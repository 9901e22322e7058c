/** The members of a stream's event that matter, found in one pass over its keys. */
import { closingBracket, closingQuote, spells, stringAt } from "../byte-text.ts";
import type { Usage } from "../neutral.ts";
import type { MemberSink } from "../walk-members.ts";
import { emptyCounts, readCounts, usageOf } from "./usage.ts";

const QUOTE = 0x22;

export class EventMembers implements MemberSink {
  type = "";
  /** `content_block.type` or `delta.type`. */
  inner = "";
  index = 0;
  /** `text` of a delta or a block: where its inside begins and ends. */
  textStart = 0;
  textEnd = 0;
  thinking = false;
  /** `thinking`, or a piece of a call's arguments: likewise. */
  otherStart = 0;
  otherEnd = 0;
  stopReason = false;
  hasUsage = false;
  /** Of the stream: the first that were told, and the figures so far. */
  model = "";
  id = "";
  usage: Usage | null = null;
  readonly #counts = emptyCounts();

  /** Another event begins. */
  begin(): void {
    this.type = "";
    this.inner = "";
    this.index = 0;
    this.textStart = 0;
    this.textEnd = 0;
    this.thinking = false;
    this.otherStart = 0;
    this.otherEnd = 0;
    this.stopReason = false;
    this.hasUsage = false;
  }

  onMember(event: Buffer, key: number, length: number, value: number, to: number, depth: number): void {
    if (depth > 3) return;
    if (depth === 1) {
      if (spells(event, key, length, "type")) this.type = wordAt(event, value, to);
      else if (spells(event, key, length, "index")) this.index = digitsAt(event, value);
      else if (spells(event, key, length, "usage")) this.#readUsage(event, value, to);
      return;
    }
    if (depth !== 2) return;
    if (spells(event, key, length, "type")) {
      this.inner = wordAt(event, value, to);
    } else if (spells(event, key, length, "text")) {
      if (event[value] !== QUOTE) return;
      this.textStart = value + 1;
      this.textEnd = closingQuote(event, value, to);
    } else if (spells(event, key, length, "thinking")) {
      this.thinking = event[value] === QUOTE && event[value + 1] !== QUOTE;
      this.#seeOther(event, value, to);
    } else if (spells(event, key, length, "partial_json")) {
      this.#seeOther(event, value, to);
    } else if (spells(event, key, length, "stop_reason")) {
      this.stopReason = event[value] === QUOTE;
    } else if (spells(event, key, length, "usage")) {
      this.#readUsage(event, value, to);
    } else if (this.model === "" && spells(event, key, length, "model")) {
      this.model = stringAt(event, value, to);
    } else if (this.id === "" && spells(event, key, length, "id")) {
      this.id = stringAt(event, value, to);
    }
  }

  #seeOther(event: Buffer, value: number, to: number): void {
    this.otherStart = value + 1;
    this.otherEnd = event[value] === QUOTE ? closingQuote(event, value, to) : 0;
  }

  #readUsage(event: Buffer, value: number, to: number): void {
    this.hasUsage = true;
    const end = event[value] === 0x7b ? closingBracket(event, value, to) : -1;
    if (end < 0) return;
    try {
      if (readCounts(JSON.parse(event.toString("utf8", value, end)), this.#counts)) {
        this.usage = usageOf(this.#counts);
      }
    } catch {
      // Figures that cannot be read are no figures; the event itself is relayed.
    }
  }
}

const WORDS = [
  "content_block_delta",
  "text_delta",
  "input_json_delta",
  "thinking_delta",
  "signature_delta",
  "citations_delta",
  "content_block_start",
  "content_block_stop",
  "message_start",
  "message_delta",
  "message_stop",
  "ping",
  "error",
  "text",
  "thinking",
  "redacted_thinking",
  "tool_use",
];

/** The string value at `value`; the frequent words without making a string. */
function wordAt(event: Buffer, value: number, to: number): string {
  if (event[value] !== QUOTE) return "";
  const close = closingQuote(event, value, to);
  const length = close - value - 1;
  for (const word of WORDS) {
    if (word.length === length && spells(event, value + 1, length, word)) return word;
  }
  return close < 0 ? "" : event.toString("latin1", value + 1, close);
}

function digitsAt(event: Buffer, value: number): number {
  let number = 0;
  for (let at = value; at < value + 6; at++) {
    const digit = (event[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    number = number * 10 + digit;
  }
  return number;
}
