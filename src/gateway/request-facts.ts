/** What the gateway must know of a body before it is routed, read by bytes: nothing is parsed, nothing is copied. */
import { latin1Text } from "../base/byte-slices.ts";
import { badRequest } from "../base/failure.ts";
import { bitsOf, watchNames } from "../base/json-names.ts";
import {
  findMember,
  type ListWatchers,
  type Member,
  type ObjectScan,
  parseValue,
  scanArray,
  scanObject,
} from "../base/json-scan.ts";
import { holdsAnyWord, holdsWord, makeWord } from "../base/word-search.ts";
import { MAX_NOTED, TurnNotes } from "../protocols/turn-notes.ts";
import type { BodyFrame } from "./body-frame.ts";

export interface RequestFacts {
  /** All members. */
  readonly scan: ObjectScan;
  /** What was seen of the list of turns on the way; null = there is no such list. */
  readonly turns: TurnNotes | null;
  /** "" = absent. */
  readonly model: string;
  /** null = absent. */
  readonly stream: boolean | null;
  readonly maxTokens: number | null;
  readonly streamOptions: Member | undefined;
  readonly tools: boolean;
  readonly jsonSchema: boolean;
  readonly promptCacheKey: string;
  /** What is known of bodies built like it, and how much longer its text is than that of the one it was learned from. */
  readonly frame: BodyFrame | null;
  readonly longer: number;
}

/** Every member that is read here; two spellings of one of them are a 400 (20-http.md). */
const WATCHED = watchNames([
  "model",
  "stream",
  "stream_options",
  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "messages",
  "input",
  "contents",
  "message",
  "prompt",
  "system",
  "instructions",
  "systemInstruction",
  "system_instruction",
  "preamble",
  "tools",
  "response_format",
  "text",
  "output_config",
  "generationConfig",
  "format",
  "metadata",
  "prompt_cache_key",
  "previous_response_id",
  "conversation",
  "container",
  "cachedContent",
  "name",
]);

/** Reads a JSON body. Throws Failure 400 `invalid_json`, `ambiguous_member`, or for a member of a wrong type. */
export function readFacts(body: Buffer): RequestFacts {
  const lists = new TurnLists();
  const scan = scanObject(body, WATCHED, 0, body.length, true, lists);
  return {
    scan,
    turns: lists.preferred,
    model: readText(body, findMember(scan, "model"), "model"),
    stream: readFlag(body, find(scan, STREAM)),
    maxTokens: (scan.seen & MAX_BITS) === 0 ? null : readMax(body, scan),
    streamOptions: find(scan, STREAM_OPTIONS),
    tools: hasElements(body, find(scan, TOOLS)),
    jsonSchema: (scan.seen & SCHEMA_BITS) !== 0 && hasSchema(body, scan),
    promptCacheKey: readText(body, find(scan, PROMPT_CACHE_KEY), "prompt_cache_key"),
    frame: null,
    longer: 0,
  };
}

/** A watched name with its bit: most names stand in no body, which one look at what was seen tells. */
interface Known {
  readonly name: string;
  readonly bit: number;
}

function known(name: string): Known {
  return { name, bit: bitsOf(WATCHED, [name]) };
}

function find(scan: ObjectScan, { name, bit }: Known): Member | undefined {
  return (scan.seen & bit) === 0 ? undefined : findMember(scan, name);
}

const STREAM = known("stream");
const STREAM_OPTIONS = known("stream_options");
const TOOLS = known("tools");
const PROMPT_CACHE_KEY = known("prompt_cache_key");

/** Takes notes of the lists that may hold a conversation. */
class TurnLists implements ListWatchers {
  #messages: TurnNotes | null = null;
  #contents: TurnNotes | null = null;
  #input: TurnNotes | null = null;

  watch(name: string, start: number): TurnNotes | null {
    switch (name) {
      case "messages":
        this.#messages = new TurnNotes(start);
        return this.#messages;
      case "contents":
        this.#contents = new TurnNotes(start);
        return this.#contents;
      case "input":
        this.#input = new TurnNotes(start);
        return this.#input;
      default:
        return null;
    }
  }

  get preferred(): TurnNotes | null {
    return this.#messages ?? this.#contents ?? this.#input;
  }
}

const MAX_NAME = 512;

function readText(body: Buffer, member: Member | undefined, name: string): string {
  if (member === undefined || isNull(body, member)) return "";
  if (body[member.start] !== 0x22) throw badRequest(`"${name}" must be a string`, "invalid_type", name);
  if (member.end - member.start > MAX_NAME) throw badRequest(`"${name}" is too long`, "invalid_value", name);
  return String(parseValue(body, member));
}

function readFlag(body: Buffer, member: Member | undefined): boolean | null {
  if (member === undefined || isNull(body, member)) return null;
  const text = latin1Text(body, member.start, member.end);
  if (text === "true") return true;
  if (text === "false") return false;
  throw badRequest('"stream" must be true or false', "invalid_type", "stream");
}

const MAX_MEMBERS = ["max_completion_tokens", "max_output_tokens", "max_tokens"];
const MAX_BITS = bitsOf(WATCHED, MAX_MEMBERS);

function readMax(body: Buffer, scan: ObjectScan): number | null {
  for (let i = 0; i < MAX_MEMBERS.length; i++) {
    const member = findMember(scan, MAX_MEMBERS[i] as string);
    if (member === undefined) continue;
    const value = Number(body.toString("latin1", member.start, member.end));
    if (Number.isFinite(value) && value >= 0) return value;
  }
  return null;
}

function isNull(body: Buffer, member: Member): boolean {
  return body[member.start] === 0x6e;
}

function hasElements(body: Buffer, member: Member | undefined): boolean {
  if (member === undefined || body[member.start] !== 0x5b) return false;
  for (let at = member.start + 1; at < member.end - 1; at++) if ((body[at] ?? 0) > 0x20) return true;
  return false;
}

const SCHEMA_MEMBERS = ["response_format", "text", "output_config", "generationConfig"];
const SCHEMA_BITS = bitsOf(WATCHED, [...SCHEMA_MEMBERS, "format"]);
const SCHEMA_MARKS = ["json_schema", "responseSchema", "responseJsonSchema", "response_schema"].map((mark) =>
  Buffer.from(`"${mark}"`),
);

function hasSchema(body: Buffer, scan: ObjectScan): boolean {
  for (let i = 0; i < SCHEMA_MEMBERS.length; i++) {
    const member = findMember(scan, SCHEMA_MEMBERS[i] as string);
    if (member === undefined || body[member.start] !== 0x7b) continue;
    const part = body.subarray(member.start, member.end);
    if (SCHEMA_MARKS.some((mark) => part.includes(mark))) return true;
  }
  const format = findMember(scan, "format");
  return format !== undefined && body[format.start] === 0x7b;
}

/** What tells one conversation from another, and whether this request goes on with one. */
export interface Conversation {
  /** Begin and end in turn of the texts that tell it: instructions, and behind them the first user turn, which may be empty. */
  readonly texts: readonly number[];
  readonly continues: boolean;
  /** `metadata.user_id`, "" = none. */
  readonly userId: string;
}

const SYSTEM_MEMBERS = ["system", "instructions", "systemInstruction", "system_instruction", "preamble"];
const SYSTEM_BITS = bitsOf(WATCHED, SYSTEM_MEMBERS);
const METADATA = known("metadata");
const USER = makeWord('"user"');
const ASSISTANT = ['"assistant"', '"role":"model"', '"role": "model"', '"CHATBOT"'].map(makeWord);
const USER_ID = watchNames(["user_id"]);

export function readConversation(body: Buffer, facts: RequestFacts): Conversation {
  if (facts.frame !== null) return facts.frame.conversation(facts.longer);
  const { scan, turns } = facts;
  const list = findMember(scan, "messages") ?? findMember(scan, "contents") ?? findMember(scan, "input");
  const instructions = (scan.seen & SYSTEM_BITS) === 0 ? NO_TEXTS : findInstructions(scan);
  const userId = readUserId(body, find(scan, METADATA));
  if (list !== undefined && list.start === turns?.start && turns.regular && !turns.unfinished)
    return fromNotes(turns, instructions, userId);
  return fromBytes(body, scan, list, instructions, userId);
}

const NO_TEXTS: readonly number[] = [];

function findInstructions(scan: ObjectScan): number[] {
  const texts: number[] = [];
  for (let i = 0; i < SYSTEM_MEMBERS.length; i++) {
    const member = findMember(scan, SYSTEM_MEMBERS[i] as string);
    if (member !== undefined) texts.push(member.start, member.end);
  }
  return texts;
}

function fromNotes(turns: TurnNotes, instructions: readonly number[], userId: string): Conversation {
  const { bounds, user, assistant } = turns;
  let count = 0;
  if (user < 0) count = bounds.length;
  else while (count < bounds.length && (bounds[count + 1] ?? 0) <= user) count += 2;
  if (count === bounds.length) {
    // Nobody has spoken yet, as far as is looked: all of it are instructions.
    const texts = [...instructions, ...bounds, 0, 0];
    return { texts, continues: assistant >= 0, userId };
  }
  const end = bounds[count + 1] ?? 0;
  const texts =
    count + instructions.length === 0
      ? [bounds[0] ?? 0, end]
      : [...instructions, ...bounds.slice(0, count + 2)];
  // Who answered stands behind the first user turn: in a conversation that goes on.
  return { texts, continues: assistant >= end, userId };
}

/** Anything but a list of objects: looked through anew. */
function fromBytes(
  body: Buffer,
  scan: ObjectScan,
  list: Member | undefined,
  instructions: readonly number[],
  userId: string,
): Conversation {
  const texts = [...instructions];
  let first: { readonly start: number; readonly end: number } = NOWHERE;
  let behind = list?.start ?? 0;
  if (list === undefined) first = findMember(scan, "message") ?? findMember(scan, "prompt") ?? NOWHERE;
  else if (body[list.start] !== 0x5b) first = list;
  else {
    for (const element of scanArray(body, list.start, list.end, MAX_NOTED)) {
      if (holdsWord(body, USER, element.start, element.end)) {
        first = element;
        behind = element.end;
        break;
      }
      texts.push(element.start, element.end);
    }
  }
  texts.push(first.start, first.end);
  const continues = holdsAnyWord(body, ASSISTANT, behind, list?.end ?? body.length);
  return { texts, continues, userId };
}

const NOWHERE = { start: 0, end: 0 };

function readUserId(body: Buffer, metadata: Member | undefined): string {
  if (metadata === undefined || body[metadata.start] !== 0x7b) return "";
  const member = scanObject(body, USER_ID, metadata.start, metadata.end).members[0];
  return member === undefined || body[member.start] !== 0x22 ? "" : String(parseValue(body, member));
}

const IMAGE_MARKS = [
  '"image_url"',
  '"input_image"',
  '"type":"image"',
  '"type": "image"',
  '"images"',
  '"inlineData"',
  '"inline_data"',
  '"fileData"',
].map(makeWord);

/** True when the body seems to hold an image; a hint for routing, no promise. */
export function holdsImages(body: Buffer): boolean {
  return holdsAnyWord(body, IMAGE_MARKS, 0, body.length);
}
