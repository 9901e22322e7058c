/** Reads Gemini's `contents`: parts, calls without ids, responses matched to their calls by id, else by name and order. */
import { badRequest } from "../../base/failure.ts";
import { fitCallId, type IdRule } from "../call-ids.ts";
import { cleanBase64, sniffMime } from "../data-url.ts";
import {
  isObject,
  type JsonObject,
  listOf,
  readObject,
  readString,
  requireObject,
  stringOf,
} from "../json-value.ts";
import type { MediaSource, Part, Role, Signature, Turn } from "../neutral.ts";
import { OpenCalls } from "../open-calls.ts";
import type { DecodeContext } from "../protocol.ts";
import { CARRIER_MARK, CARRIER_MARK_BASE64 } from "../signature-carrier.ts";
import { audioFormat, mimeOfUrl } from "./media.ts";
import { camelMembers } from "./types.ts";

/** A single object stands for a list of one; null and absence for none. */
function listOrOne(value: unknown, path: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) || isObject(value)) return Array.isArray(value) ? value : [value];
  throw badRequest(`${path} must be a list`, "invalid_type", path);
}

/** The texts of an instruction's parts. A bare string is taken too: genai lets its callers write one. */
export function textsOf(value: unknown, path: string): string[] {
  if (value === undefined || value === null) return [];
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap((entry, i) => textsOf(entry, `${path}[${i}]`));
  const content = requireObject(value, path);
  if (typeof content.text === "string") return [content.text];
  return listOrOne(content.parts, `${path}.parts`).flatMap((part, i) => textsOf(part, `${path}.parts[${i}]`));
}

export function decodeContents(value: unknown, context: DecodeContext): Turn[] {
  const contents = listOrOne(value, "contents");
  if (contents.length === 0) throw badRequest("contents must not be empty", "missing_member", "contents");
  const decoder = new ContentDecoder(context);
  for (let i = 0; i < contents.length; i++) decoder.content(contents[i], `contents[${i}]`);
  return decoder.turns;
}

const ROLES: Readonly<Record<string, Role>> = {
  "": "user",
  user: "user",
  function: "user",
  tool: "user",
  model: "assistant",
  assistant: "assistant",
  system: "system",
};

type Call = Extract<Part, { type: "call" }>;

/** Parts that only Google has: code it ran, tools it called. */
const OWN_PARTS = ["executableCode", "codeExecutionResult", "toolCall", "toolResponse"];

/** No id fits: one is made of the given text. */
const MADE: IdRule = { maxLength: 0, pattern: null };

class ContentDecoder {
  readonly turns: Turn[] = [];
  readonly #context: DecodeContext;
  readonly #open = new OpenCalls();
  #calls = 0;

  constructor(context: DecodeContext) {
    this.#context = context;
  }

  content(value: unknown, path: string): void {
    if (typeof value === "string") {
      this.#turn("user").parts.push({ type: "text", text: value });
      return;
    }
    const content = requireObject(value, path);
    const role = ROLES[(readString(content, "role", path) ?? "").toLowerCase()];
    if (role === undefined) {
      throw badRequest(`${path}.role must be user or model`, "invalid_request", `${path}.role`);
    }
    const turn = this.#turn(role);
    const parts = listOrOne(content.parts, `${path}.parts`);
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      const where = `${path}.parts[${i}]`;
      if (typeof part === "string") turn.parts.push({ type: "text", text: part });
      else this.#part(turn, camelMembers(requireObject(part, where)), where);
    }
  }

  /** Streamed answers come back as many contents of one role (genai's chats): they are one turn. */
  #turn(role: Role): Turn {
    const last = this.turns[this.turns.length - 1];
    if (last?.role === role && role !== "system") return last;
    const turn: Turn = { role, parts: [] };
    this.turns.push(turn);
    return turn;
  }

  #part(turn: Turn, part: JsonObject, path: string): void {
    const { signature, carrier } = readSignature(part.thoughtSignature);
    const call = readObject(part, "functionCall", path);
    const response = readObject(part, "functionResponse", path);
    if (call !== undefined)
      turn.parts.push(this.#call(camelMembers(call), signature, `${path}.functionCall`));
    else if (response !== undefined)
      turn.parts.push(this.#response(camelMembers(response), `${path}.functionResponse`));
    else if (isObject(part.inlineData)) turn.parts.push(this.#inline(part, `${path}.inlineData`));
    else if (isObject(part.fileData)) turn.parts.push(this.#file(part, `${path}.fileData`));
    else if (part.thought === true) addThought(turn, stringOf(part.text) ?? "", signature, carrier);
    else if (typeof part.text === "string" || part.thoughtSignature !== undefined)
      addText(turn, stringOf(part.text) ?? "", signature);
    else if (OWN_PARTS.some((name) => isObject(part[name])))
      turn.parts.push({ type: "opaque", vendor: "google", raw: JSON.stringify(part) });
  }

  #call(call: JsonObject, signature: Signature | undefined, path: string): Part {
    const name = readString(call, "name", path) ?? "";
    if (name === "") throw badRequest(`${path}.name is required`, "missing_member", `${path}.name`);
    const args = this.#context.large.jsonText(call.args);
    // Ids are optional; one made of the place and the name is the same on every request.
    const id = stringOf(call.id) || fitCallId(`${this.#calls}:${name}`, MADE);
    this.#calls++;
    const part: Call = { type: "call", id, name, arguments: args === "" ? "{}" : args, kind: "function" };
    if (signature !== undefined) part.signature = signature;
    this.#open.add(part);
    return part;
  }

  #response(response: JsonObject, path: string): Part {
    const name = readString(response, "name", path) ?? "";
    const id = stringOf(response.id) || this.#matchCall(name);
    this.#open.answer(id);
    const { parts, isError } = readOutput(this.#context.large.jsonText(response.response), this.#context);
    for (const [i, piece] of listOf(response.parts).entries()) {
      const where = `${path}.parts[${i}]`;
      const media = camelMembers(requireObject(piece, where));
      if (isObject(media.inlineData)) parts.push(this.#inline(media, `${where}.inlineData`));
      else if (isObject(media.fileData)) parts.push(this.#file(media, `${where}.fileData`));
    }
    const result: Part = { type: "result", callId: id, isError, parts };
    if (name !== "") result.name = name;
    return result;
  }

  /** The oldest unanswered call of that name; without one the name itself, which no call has. */
  #matchCall(name: string): string {
    const call = this.#open.named(name) ?? this.#open.oldest();
    return call === undefined ? fitCallId(name, MADE) : call.id;
  }

  #inline(part: JsonObject, path: string): Part {
    const blob = camelMembers(requireObject(part.inlineData, path));
    const data = cleanBase64(readString(blob, "data", path) ?? "", this.#context.large);
    const given = (readString(blob, "mimeType", path) ?? "").toLowerCase();
    const mime = given === "" ? sniffMime(data, this.#context.large) : given;
    if (!/^\w+\/./.test(mime))
      throw badRequest(`${path}.mimeType must be a media type`, "missing_member", `${path}.mimeType`);
    if (mime.startsWith("audio/")) return { type: "audio", data, format: audioFormat(mime) };
    return mediaPart({ kind: "base64", mime, data }, mime, part, stringOf(blob.displayName));
  }

  #file(part: JsonObject, path: string): Part {
    const file = camelMembers(requireObject(part.fileData, path));
    const uri = readString(file, "fileUri", path) ?? "";
    if (uri === "") throw badRequest(`${path}.fileUri is required`, "missing_member", `${path}.fileUri`);
    const mime = (readString(file, "mimeType", path) ?? mimeOfUrl(uri)).toLowerCase();
    const source: MediaSource = isGoogleFile(uri)
      ? { kind: "file", vendor: "google", id: uri }
      : { kind: "url", url: uri };
    if (mime !== "") source.mime = mime;
    return mediaPart(source, mime, part, stringOf(file.displayName));
  }
}

/** Files of the Files API and of Cloud Storage: ids of the vendor, whatever they look like. */
function isGoogleFile(uri: string): boolean {
  return (
    uri.startsWith("gs://") ||
    uri.startsWith("files/") ||
    /^https:\/\/generativelanguage\.googleapis\.com\/(?:v\w+\/)?files\//.test(uri)
  );
}

const DETAILS: Readonly<Record<string, string>> = {
  MEDIA_RESOLUTION_LOW: "low",
  MEDIA_RESOLUTION_MEDIUM: "auto",
  MEDIA_RESOLUTION_HIGH: "high",
  MEDIA_RESOLUTION_ULTRA_HIGH: "original",
};

function mediaPart(source: MediaSource, mime: string, part: JsonObject, title: string | undefined): Part {
  if (mime.startsWith("video/")) return { type: "video", source };
  if (mime.startsWith("image/") || (mime === "" && source.kind === "url")) {
    const resolution = part.mediaResolution;
    const level = isObject(resolution) ? stringOf(resolution.level) : stringOf(resolution);
    const detail = level === undefined ? undefined : DETAILS[level];
    return detail === undefined ? { type: "image", source } : { type: "image", source, detail };
  }
  return title === undefined ? { type: "document", source } : { type: "document", source, title };
}

function addText(turn: Turn, text: string, signature: Signature | undefined): void {
  const last = turn.parts[turn.parts.length - 1];
  // The chunks of a streamed answer; what the user wrote stays in the parts he made of it.
  if (turn.role === "assistant" && last?.type === "text" && last.signature === undefined) {
    last.text += text;
    if (signature !== undefined) last.signature = signature;
    return;
  }
  if (text === "" && signature === undefined && turn.role === "assistant") return;
  turn.parts.push(signature === undefined ? { type: "text", text } : { type: "text", text, signature });
}

function addThought(
  turn: Turn,
  text: string,
  signature: Signature | undefined,
  carrier: string | undefined,
): void {
  const last = turn.parts[turn.parts.length - 1];
  const part: Extract<Part, { type: "thinking" }> =
    last?.type === "thinking" && last.signature === undefined && last.foreign === undefined
      ? last
      : { type: "thinking", text: "" };
  if (part !== last) turn.parts.push(part);
  part.text += text;
  if (signature !== undefined) part.signature = signature;
  if (carrier !== undefined) part.foreign = carrier;
}

/** A `thoughtSignature` is Google's own, or our carrier of another vendor's in base64. */
function readSignature(value: unknown): { signature?: Signature; carrier?: string } {
  if (typeof value !== "string" || value === "") return {};
  if (value.startsWith(CARRIER_MARK_BASE64)) return { carrier: Buffer.from(value, "base64").toString() };
  if (value.startsWith(CARRIER_MARK)) return { carrier: value };
  if (value === SKIP_VALIDATOR) return {};
  return { signature: { vendor: "google", value } };
}

/** Google's documented escape for calls whose signature is lost. */
export const SKIP_VALIDATOR = "skip_thought_signature_validator";

/** JSON text longer than this is handed on as it is instead of being looked into. */
const MAX_LOOKED_INTO = 1024 * 1024;

/** `{output}` and `{error}` are the documented members; any other object is the output itself. */
function readOutput(json: string, context: DecodeContext): { parts: Part[]; isError: boolean } {
  if (json === "") return { parts: [], isError: false };
  const text = context.large.expand(json);
  const doc: unknown = text.length <= MAX_LOOKED_INTO ? JSON.parse(text) : null;
  if (!isObject(doc)) return { parts: [{ type: "text", text }], isError: false };
  const names = Object.keys(doc);
  const only = names.length === 1 ? names[0] : undefined;
  if (only !== "output" && only !== "error") return { parts: [{ type: "text", text }], isError: false };
  const value = doc[only];
  const inner = typeof value === "string" ? value : JSON.stringify(value);
  return { parts: inner === "" ? [] : [{ type: "text", text: inner }], isError: only === "error" };
}
