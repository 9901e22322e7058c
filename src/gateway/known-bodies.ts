/** Remembers how request bodies are built: a program's requests differ in one text, and where all the rest stands need not be read again. */
import { compareRun, rememberRun } from "../base/byte-runs.ts";
import type { Member, ObjectScan } from "../base/json-scan.ts";
import { type ListWatch, skipNested, skipString } from "../base/json-skip.ts";
import { memoryView } from "../base/memory-view.ts";
import { isPlainTurn, type TurnNotes } from "../protocols/turn-notes.ts";
import { BodyFrame } from "./body-frame.ts";
import { type Conversation, type RequestFacts, readConversation, readFacts } from "./request-facts.ts";

/** Bodies remembered at a time. */
const KNOWN = 8;
/** Of one that is remembered, around its text: instructions to the model may be part of it. */
const MAX_AROUND = 1024;
/** Longer bodies are not looked at: beside what else they cost the walk is little. */
const MAX_BODY = 64 * 1024;
/**
 * One body in so many that are like none is learned, and of those the fewer the longer nothing learned has served: to
 * learn costs ten times what a recall spares.
 */
const LEARNED_EVERY = 4;
const LEARNED_AT_LEAST_EVERY = 64;

interface KnownBody {
  /** Up to the text, its opening quote included; from its closing quote on. */
  readonly head: Part;
  readonly tail: Part;
  readonly length: number;
  readonly facts: RequestFacts;
  readonly frame: BodyFrame;
  /** Among the members: the list that holds the text, and `stream_options`, -1 = there are none. */
  readonly list: number;
  readonly options: number;
  /** A body was like it. */
  served: boolean;
}

export class KnownBodies {
  /** The one that was like a body last comes first. */
  readonly #known: KnownBody[] = [];
  /** Bodies like none up to the next that is learned, and from that one on. */
  #wait = 1;
  #gap = LEARNED_EVERY;

  get size(): number {
    return this.#known.length;
  }

  /** Reads what `readFacts` does, and throws what it throws. */
  read(body: Buffer): RequestFacts {
    if (body.length > MAX_BODY) return readFacts(body);
    const known = this.#known;
    if (known.length > 0) {
      const view = memoryView(body);
      for (let i = 0; i < known.length; i++) {
        const one = known[i] as KnownBody;
        if (!isLike(one, body, view)) continue;
        if (!one.served) {
          one.served = true;
          this.#gap = LEARNED_EVERY;
          this.#wait = Math.min(this.#wait, LEARNED_EVERY);
        }
        if (i > 0) {
          known[i] = known[0] as KnownBody;
          known[0] = one;
        }
        return new KnownFacts(one, body.length - one.length);
      }
    }
    const facts = readFacts(body);
    this.#wait--;
    if (this.#wait === 0) {
      this.#learn(body, facts);
      this.#wait = this.#gap;
      this.#gap = Math.min(2 * this.#gap, LEARNED_AT_LEAST_EVERY);
    }
    return facts;
  }

  #learn(body: Buffer, facts: RequestFacts): void {
    const { turns, scan } = facts;
    if (turns === null || !turns.regular || turns.unfinished) return;
    const list = scan.members.findIndex(({ start }) => start === turns.start);
    const last = turns.bounds.at(-2);
    const member = scan.members[list];
    if (last === undefined || member === undefined) return;
    if (last > MAX_AROUND || body.length - member.end > MAX_AROUND) return;
    const texts = new LastText();
    skipNested(body, turns.start, member.end, texts);
    if (texts.start < 0 || texts.start + body.length - texts.end > MAX_AROUND) return;
    const head = partOf(body, 0, texts.start);
    const tail = partOf(body, texts.end, body.length);
    if (head === null || tail === null) return;
    const conversation = conversationOf(body, facts);
    if (conversation === null) return;
    const options = facts.streamOptions === undefined ? -1 : scan.members.indexOf(facts.streamOptions);
    this.#known.unshift({
      head,
      tail,
      length: body.length,
      facts,
      frame: new BodyFrame(texts.start, member, scan, conversation, turns.carrier),
      list,
      options,
      served: false,
    });
    if (this.#known.length > KNOWN) this.#known.pop();
  }
}

/** null: some of it cannot be read, which is an error only where somebody wants to know. */
function conversationOf(body: Buffer, facts: RequestFacts): Conversation | null {
  try {
    return readConversation(body, facts);
  } catch {
    return null;
  }
}

/** The last that somebody says in a list, without its quotes: other texts, as ids and names, may have to be others for a target. */
class LastText implements ListWatch {
  start = -1;
  end = -1;

  onString(bytes: Buffer, at: number, end: number): void {
    if (!isSaid(bytes, at)) return;
    const close = skipString(bytes, at, end) - 1;
    if (!isPlainTurn(bytes, at + 1, close)) return;
    this.start = at + 1;
    this.end = close;
  }

  onOpen(): void {}
  onClose(): void {}
  onOther(): void {}
}

/** What stands before a text that somebody says. */
const SAID = /"(?:content|text)"[ \t\r\n]*:[ \t\r\n]*$/;
const MAX_NAME = 64;

function isSaid(bytes: Buffer, at: number): boolean {
  return SAID.test(bytes.toString("latin1", Math.max(0, at - MAX_NAME), at));
}

/** Bytes to compare with. */
interface Part {
  readonly words: readonly number[];
  readonly length: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** null: it cannot be remembered. */
function partOf(body: Buffer, start: number, end: number): Part | null {
  if (body.subarray(start, end).includes(0)) return null;
  const words: number[] = [];
  const offset = body.byteOffset;
  rememberRun(words, memoryView(body), offset + start, offset + end);
  return { words: words.slice(), length: end - start };
}

function isLike({ head, tail }: KnownBody, body: Buffer, view: DataView): boolean {
  const start = head.length;
  const end = body.length - tail.length;
  const offset = body.byteOffset;
  const text = offset + start;
  return (
    end > start &&
    // Right before the text bodies that are unlike mostly differ: nearly all are told apart by one look.
    view.getFloat64(text - 8, true) === head.words[head.words.length - 1] &&
    compareRun(head.words, 0, view, offset, text) >= 0 &&
    compareRun(tail.words, 0, view, offset + end, offset + body.length) >= 0 &&
    endsAt(body, start, end) &&
    isPlainTurn(body, start, end)
  );
}

/** Whether the string whose text begins at `start` has its closing quote at `end`, where a quote stands. */
function endsAt(body: Buffer, start: number, end: number): boolean {
  // Nearly always it is the first quote, and no backslash stands before it: one search tells.
  if (body[end - 1] !== BACKSLASH && body.indexOf(QUOTE, start) === end) return true;
  return skipString(body, start - 1, body.length) === end + 1;
}

/** The facts of a body whose text is `longer` by so many bytes. Where all stands is worked out when somebody asks, which few do. */
class KnownFacts implements RequestFacts {
  readonly model: string;
  readonly stream: boolean | null;
  readonly maxTokens: number | null;
  readonly tools: boolean;
  readonly jsonSchema: boolean;
  readonly promptCacheKey: string;
  readonly frame: BodyFrame;
  readonly longer: number;
  readonly #known: KnownBody;
  #scan: ObjectScan | null = null;

  constructor(known: KnownBody, longer: number) {
    const { facts, frame } = known;
    this.model = facts.model;
    this.stream = facts.stream;
    this.maxTokens = facts.maxTokens;
    this.tools = facts.tools;
    this.jsonSchema = facts.jsonSchema;
    this.promptCacheKey = facts.promptCacheKey;
    this.frame = frame;
    this.longer = longer;
    this.#known = known;
  }

  get scan(): ObjectScan {
    this.#scan ??= movedScan(this.#known, this.longer);
    return this.#scan;
  }

  get turns(): TurnNotes | null {
    const { facts, head } = this.#known;
    return facts.turns?.moved(head.length, this.longer) ?? null;
  }

  get streamOptions(): Member | undefined {
    const { options } = this.#known;
    return options < 0 ? undefined : this.scan.members[options];
  }
}

function movedScan({ facts, list }: KnownBody, by: number): ObjectScan {
  const { open, close, count, lastEnd, seen } = facts.scan;
  const members = facts.scan.members.slice();
  for (let i = list; i < members.length; i++) {
    const { name, key, keyEnd, start, end, before, after } = members[i] as Member;
    // The list itself begins before its text.
    const off = i === list ? 0 : by;
    members[i] = {
      name,
      key: key + off,
      keyEnd: keyEnd + off,
      start: start + off,
      end: end + by,
      before: before + off,
      after: after < 0 ? after : after + by,
    };
  }
  return { open, close: close + by, members, count, lastEnd: lastEnd + by, seen };
}
