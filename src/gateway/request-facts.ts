/** What the gateway must know of a body before it is routed, read by bytes: nothing is parsed, nothing is copied. */
import { badRequest } from "../base/failure.ts";
import { watchNames } from "../base/json-names.ts";
import {
  findMember,
  type Member,
  type ObjectScan,
  parseValue,
  scanArray,
  scanObject,
} from "../base/json-scan.ts";
import { holdsAnyWord, holdsWord, makeWord } from "../base/word-search.ts";

export interface RequestFacts {
  /** All members. */
  readonly scan: ObjectScan;
  /** "" = absent. */
  readonly model: string;
  /** null = absent. */
  readonly stream: boolean | null;
  readonly maxTokens: number | null;
  readonly streamOptions: Member | undefined;
  readonly tools: boolean;
  readonly jsonSchema: boolean;
  readonly promptCacheKey: string;
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
  const scan = scanObject(body, WATCHED, 0, body.length, true);
  return {
    scan,
    model: readText(body, findMember(scan, "model"), "model"),
    stream: readFlag(body, findMember(scan, "stream")),
    maxTokens: readMax(body, scan),
    streamOptions: findMember(scan, "stream_options"),
    tools: hasElements(body, findMember(scan, "tools")),
    jsonSchema: hasSchema(body, scan),
    promptCacheKey: readText(body, findMember(scan, "prompt_cache_key"), "prompt_cache_key"),
  };
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
  const text = body.toString("latin1", member.start, member.end);
  if (text === "true") return true;
  if (text === "false") return false;
  throw badRequest('"stream" must be true or false', "invalid_type", "stream");
}

const MAX_MEMBERS = ["max_completion_tokens", "max_output_tokens", "max_tokens"];

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
  readonly system: string;
  readonly firstUserTurn: string;
  readonly continues: boolean;
  /** `metadata.user_id`, "" = none. */
  readonly userId: string;
}

const READ_CHARS = 4096;
const SYSTEM_MEMBERS = ["system", "instructions", "systemInstruction", "system_instruction", "preamble"];
const USER = makeWord('"user"');
const ASSISTANT = ['"assistant"', '"role":"model"', '"role": "model"', '"CHATBOT"'].map(makeWord);
const USER_ID = watchNames(["user_id"]);
/** Instructions are few; who puts more before the first user turn has an odd conversation, but one. */
const MAX_LEADING = 16;

export function readConversation(body: Buffer, scan: ObjectScan): Conversation {
  const list = findMember(scan, "messages") ?? findMember(scan, "contents") ?? findMember(scan, "input");
  let system = "";
  for (let i = 0; i < SYSTEM_MEMBERS.length; i++) {
    system += slice(body, findMember(scan, SYSTEM_MEMBERS[i] as string));
  }
  let first = "";
  // Who answered stands behind the first user turn, near it: in a conversation that goes on it is found at once.
  let behind = list?.start ?? 0;
  if (list === undefined) first = slice(body, findMember(scan, "message") ?? findMember(scan, "prompt"));
  else if (body[list.start] !== 0x5b) first = slice(body, list);
  else {
    for (const element of scanArray(body, list.start, list.end, MAX_LEADING)) {
      if (holdsWord(body, USER, element.start, element.end)) {
        first = slice(body, element);
        behind = element.end;
        break;
      }
      system += slice(body, element);
    }
  }
  return {
    system,
    firstUserTurn: first,
    continues: holdsAnyWord(body, ASSISTANT, behind, list?.end ?? body.length),
    userId: readUserId(body, findMember(scan, "metadata")),
  };
}

function readUserId(body: Buffer, metadata: Member | undefined): string {
  if (metadata === undefined || body[metadata.start] !== 0x7b) return "";
  const member = scanObject(body, USER_ID, metadata.start, metadata.end).members[0];
  return member === undefined || body[member.start] !== 0x22 ? "" : String(parseValue(body, member));
}

function slice(body: Buffer, member: Member | undefined): string {
  return member === undefined
    ? ""
    : body.toString("latin1", member.start, Math.min(member.end, member.start + READ_CHARS));
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
