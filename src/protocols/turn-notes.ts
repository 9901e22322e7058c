/** What is noted of a list of turns while its end is looked for, so that its bytes are gone over once: who speaks where, and marks that make it worth a walk. */
import type { ListWatch } from "../base/json-skip.ts";

/** Elements whose places are noted: what stands before the first user turn are instructions, which are few. */
export const MAX_NOTED = 16;

export class TurnNotes implements ListWatch {
  /** Its opening bracket. */
  readonly start: number;
  /** Only objects or arrays with commas between them: their places are known. */
  regular = true;
  /** Where the first elements begin and end, in turn. */
  bounds: number[] = NO_BOUNDS;
  /** Where the first string `user` stands, and the last that says that somebody answered; -1 = nowhere. */
  user = -1;
  assistant = -1;
  /** Some string is `developer`; begins as a carrier of ours does. */
  developer = false;
  carrier = false;
  #comma = true;
  #elements = 0;

  constructor(start: number) {
    this.start = start;
  }

  onString(bytes: Buffer, at: number, end: number, depth: number): void {
    if (depth === 1) this.regular = false;
    switch (bytes[at + 1]) {
      case 0x75: // u
        if (this.user < 0 && spells(bytes, at, end, USER)) this.user = at;
        break;
      case 0x61: // a
        if (spells(bytes, at, end, ASSISTANT)) this.assistant = at;
        break;
      case 0x43: // C
        if (spells(bytes, at, end, CHATBOT)) this.assistant = at;
        break;
      case 0x6d: // m
        if (spells(bytes, at, end, MODEL) && isRole(bytes, at, this.start)) this.assistant = at;
        break;
      case 0x64: // d
        if (spells(bytes, at, end, DEVELOPER)) this.developer = true;
        break;
      case 0x73: // s
        if (spells(bytes, at, end, CARRIER)) this.carrier = true;
    }
  }

  onOpen(at: number): void {
    if (!this.#comma) this.regular = false;
    this.#comma = false;
    this.#elements++;
    if (this.#elements === 1)
      this.bounds = [at, at]; // a list that grows from nothing makes room for seventeen
    else if (this.#elements <= MAX_NOTED) this.bounds.push(at, at);
  }

  onClose(end: number): void {
    if (this.#elements <= MAX_NOTED) this.bounds[2 * this.#elements - 1] = end;
  }

  onOther(byte: number): void {
    if (byte === 0x2c && !this.#comma) this.#comma = true;
    else if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) this.regular = false;
  }

  /** What is noted of the same list when a text in it, which begins at `text` and is plain (`isPlainTurn`), is `by` bytes longer. */
  moved(text: number, by: number): TurnNotes {
    const moved = new TurnNotes(this.start);
    const { bounds, user, assistant } = this;
    moved.regular = this.regular;
    moved.bounds = bounds.slice();
    for (let i = 0; i < bounds.length; i++) {
      const bound = bounds[i] as number;
      if (bound > text) moved.bounds[i] = bound + by;
    }
    moved.user = user > text ? user + by : user;
    moved.assistant = assistant > text ? assistant + by : assistant;
    moved.developer = this.developer;
    moved.carrier = this.carrier;
    moved.#comma = this.#comma;
    moved.#elements = this.#elements;
    return moved;
  }

  /** True when a comma stands behind the last element: such a list is read by nobody. */
  get unfinished(): boolean {
    return this.#comma && this.#elements > 0;
  }
}

const NO_BOUNDS: number[] = [];
const USER = Buffer.from('"user"');
const ASSISTANT = Buffer.from('"assistant"');
const CHATBOT = Buffer.from('"CHATBOT"');
const MODEL = Buffer.from('"model"');
const DEVELOPER = Buffer.from('"developer"');
const CARRIER = Buffer.from('"slc1.');
const WORDS = [USER, ASSISTANT, CHATBOT, MODEL, DEVELOPER];
const ROLE = Buffer.from('"role":');

/** The longest of the words, with its quotes. */
const LONGEST = 11;

/** Whether nothing would be noted of the text [start, end) between quotes: it is no carrier, and none of the words. */
export function isPlainTurn(bytes: Buffer, start: number, end: number): boolean {
  if (bytes[start] === 0x73 && bytes[start + 1] === 0x6c) return false;
  if (end - start + 2 > LONGEST) return true;
  for (let i = 0; i < WORDS.length; i++)
    if (spells(bytes, start - 1, end + 1, WORDS[i] as Buffer)) return false;
  return true;
}

function spells(bytes: Buffer, at: number, end: number, word: Buffer): boolean {
  if (at < 0 || at + word.length > end) return false;
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return false;
  return true;
}

/** `"role":` stands before the string at `at`, with a space or none. */
function isRole(bytes: Buffer, at: number, start: number): boolean {
  const end = bytes[at - 1] === 0x20 ? at - 1 : at;
  const role = end - ROLE.length;
  return role > start && spells(bytes, role, end, ROLE);
}
