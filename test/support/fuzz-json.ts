/** JSON made up at random as text, with the spellings and the white space that a serialiser would not use. */
import type { Chance } from "./fuzz.ts";

/** A name, without quotes, and a value that is JSON. */
export type Member = readonly [name: string, json: string];

/** Insides of strings: words that the gateway looks for among them, escapes, and texts of any length. */
const WORDS = [
  "hi",
  "a",
  "",
  "Tell me a story",
  "0123456789",
  "abcdefghi",
  "call_0123456789abc",
  "user",
  "assistant",
  "developer",
  "model",
  "CHATBOT",
  "system",
  "tool",
  "slc1.x",
  "sl",
  "s",
  "role",
  "name",
  "content",
  "text",
  "error",
  "usage",
  "reasoning_content",
  "input_audio",
  "input_text",
  "\\u0075ser",
  "\\u0061bcdefghi",
  'q\\"q',
  "\\\\",
  'x\\\\\\"',
  "Zürich 東京 🚲",
  '\\"slc1.a\\" inside',
  "long text ".repeat(8),
  "long text ".repeat(300),
];
const NAMES = [
  "role",
  "content",
  "text",
  "type",
  "id",
  "tool_calls",
  "tool_call_id",
  "name",
  "reasoning_content",
  "reasoning",
  "extra_content",
  "parts",
  "arguments",
  "error",
  "usage",
  "x",
];
const NUMBERS = ["0", "1", "12", "-1", "0.5", "1e3", "123456789012345678", "100"];
const SPACES = [" ", "\n", "  ", "\t", "\r\n"];
const DEEPEST = 3;

export class JsonText {
  readonly #chance: Chance;
  /** The share of the places with white space: one style for all that one program writes. */
  readonly #spaced: number;

  constructor(chance: Chance) {
    this.#chance = chance;
    this.#spaced = chance.pick([0, 0, 0.1, 0.5]);
  }

  space(): string {
    return this.#chance.happens(this.#spaced) ? this.#chance.pick(SPACES) : "";
  }

  /** The inside of a string. */
  word(): string {
    const word = this.#chance.pick(WORDS);
    return this.#chance.happens(0.7) ? word : word + this.#chance.pick(WORDS);
  }

  string(): string {
    return `"${this.word()}"`;
  }

  object(members: readonly Member[]): string {
    const written = members.map(([name, json]) => `"${name}"${this.space()}:${this.space()}${json}`);
    return `{${this.#join(written)}}`;
  }

  list(values: readonly string[]): string {
    return `[${this.#join(values)}]`;
  }

  /** Anything. `depth`: how many brackets are around it. */
  value(depth = 0): string {
    const chance = this.#chance;
    const inside = () => Array.from({ length: chance.below(4) }, () => this.value(depth + 1));
    switch (chance.below(depth > DEEPEST ? 6 : 9)) {
      case 0:
        return chance.pick(NUMBERS);
      case 1:
        return chance.pick(["true", "false", "null"]);
      case 6:
        return this.list(inside());
      case 7:
      case 8:
        return this.object(inside().map((json) => [chance.pick(NAMES), json]));
      default:
        return this.string();
    }
  }

  #join(parts: readonly string[]): string {
    return this.space() + parts.join(`${this.space()},${this.space()}`) + this.space();
  }
}

/** Strings and numbers; of a name, the colon too. */
const VALUES = /"(?:[^"\\]|\\.)*"(\s*:)?|-?\d[\d.eE+-]*/g;

/** Text of which the same few strings and numbers are others each time, now and then one more, and rarely one of the other type. */
export class JsonForm {
  readonly #text: string;
  readonly #values: number;
  readonly #slots: readonly number[];
  readonly #chance: Chance;
  readonly #other: (isText: boolean) => string;

  /** `other` makes up a value that is JSON. */
  constructor(text: string, chance: Chance, other: (isText: boolean) => string) {
    this.#text = text;
    this.#chance = chance;
    this.#other = other;
    this.#values = [...text.matchAll(VALUES)].filter((found) => found[1] === undefined).length;
    this.#slots = Array.from({ length: 1 + chance.below(4) }, () => chance.below(this.#values));
  }

  next(): string {
    const chance = this.#chance;
    const odd = chance.happens(0.05) ? chance.below(this.#values) : -1;
    let at = 0;
    return this.#text.replace(VALUES, (value: string, colon: string | undefined) => {
      if (colon !== undefined) return value;
      const isOther = this.#slots.includes(at) || at === odd;
      at++;
      return isOther ? this.#other(value.startsWith('"') !== chance.happens(0.03)) : value;
    });
  }
}
