/** Writes Gemini's `contents`: parts, calls with their signatures, responses with names and media. */
import { badRequest } from "../../base/failure.ts";
import { documentText } from "../document.ts";
import type { ChatRequest, MediaSource, Part, Signature, Turn } from "../neutral.ts";
import type { ConvertContext } from "../protocol.ts";
import { decodeCarrier, restoreSignatures } from "../signature-carrier.ts";
import { GEMINI_NAMES, upstreamName } from "../tool-names.ts";
import { SKIP_VALIDATOR } from "./content-decoder.ts";
import { mimeOfUrl } from "./media.ts";
import { takesCallIds, takesResultMedia, takesUrls, wantsSignatures } from "./model-traits.ts";

type Json = Record<string, unknown>;
type PartOf<T extends Part["type"]> = Extract<Part, { type: T }>;

export function encodeContents(turns: readonly Turn[], context: ConvertContext): Json[] {
  const encoder = new ContentEncoder(context);
  return turns.map((turn, index) => ({
    role: turn.role === "assistant" ? "model" : "user",
    parts: turn.role === "assistant" ? encoder.model(turn, index) : encoder.user(turn, index),
  }));
}

/** URLs this target cannot be given: no `fileUri` for them, or no media type to go with it. */
export function sourcesToInline(request: ChatRequest, context: ConvertContext): MediaSource[] {
  const found: MediaSource[] = [];
  const look = (parts: readonly Part[]) => {
    for (const part of parts) {
      if (part.type === "result") look(part.parts);
      else if (part.type === "image" || part.type === "document" || part.type === "video") {
        if (part.source.kind === "url" && fileData(part.source, context) === null) found.push(part.source);
      }
    }
  };
  for (const turn of request.turns) look(turn.parts);
  return found;
}

function fileData(source: Extract<MediaSource, { kind: "url" }>, context: ConvertContext): Json | null {
  const mimeType = source.mime ?? mimeOfUrl(source.url);
  if (mimeType === "") return null;
  const youtube = /^https:\/\/(?:www\.)?(?:youtube\.com|youtu\.be)\//.test(source.url);
  return youtube || takesUrls(context) ? { fileUri: source.url, mimeType } : null;
}

class ContentEncoder {
  readonly #context: ConvertContext;
  readonly #model: string;
  /** Call id -> name upstream: responses must repeat it. */
  readonly #names = new Map<string, string>();

  constructor(context: ConvertContext) {
    this.#context = context;
    this.#model = context.model;
  }

  user(turn: Turn, index: number): Json[] {
    const parts: Json[] = [];
    const media: Json[] = [];
    for (const [at, part] of turn.parts.entries()) {
      const path = `messages[${index}].content[${at}]`;
      if (part.type === "result") parts.push(this.#result(part, path, media));
      else {
        // Older models take a result's pictures only as parts of their own, behind all results.
        parts.push(...media.splice(0));
        this.#add(parts, part, path);
      }
    }
    parts.push(...media);
    return parts;
  }

  model(turn: Turn, index: number): Json[] {
    const parts: Json[] = [];
    let waiting: Signature[] = [];
    let firstCall = true;
    for (const [at, part] of turn.parts.entries()) {
      if (part.type === "thinking") {
        this.#flush(parts, waiting);
        waiting = this.#thinking(parts, part);
        continue;
      }
      if (part.type === "call") {
        const signature = this.#callSignature(part, waiting.shift());
        parts.push(this.#call(part, signature, firstCall));
        firstCall = false;
        continue;
      }
      this.#flush(parts, waiting);
      waiting = [];
      this.#add(parts, part, `messages[${index}].content[${at}]`);
    }
    this.#flush(parts, waiting);
    return parts;
  }

  /** A signature that no call took belongs to the text before it: an empty text part carries it. */
  #flush(parts: Json[], waiting: readonly Signature[]): void {
    for (const signature of waiting) parts.push({ text: "", thoughtSignature: signature.value });
  }

  /** Google's own thoughts go back where they are signed; what a carrier holds waits for its call. */
  #thinking(parts: Json[], part: PartOf<"thinking">): Signature[] {
    if (this.#context.dropThinking === true) return [];
    if (part.signature?.vendor === "google") {
      parts.push({ text: part.text, thought: true, thoughtSignature: part.signature.value });
      return [];
    }
    if (part.foreign === undefined) return [];
    return this.#restore(part.foreign);
  }

  #restore(carrier: string): Signature[] {
    const target = { vendor: "google", model: this.#model, prefix: "" } as const;
    return [...restoreSignatures(decodeCarrier(carrier), target)].filter((item) => item.vendor === "google");
  }

  #callSignature(part: PartOf<"call">, carried: Signature | undefined): string | undefined {
    if (this.#context.dropThinking === true) return undefined;
    if (part.signature?.vendor === "google") return part.signature.value;
    if (carried !== undefined) return carried.value;
    const remembered = this.#context.carriers.get(part.id);
    return remembered === undefined ? undefined : this.#restore(remembered)[0]?.value;
  }

  #call(part: PartOf<"call">, signature: string | undefined, first: boolean): Json {
    const name = upstreamName(part.name, part.namespace, GEMINI_NAMES);
    this.#names.set(part.id, name);
    const call: Json = { name };
    if (takesCallIds(this.#context)) call.id = part.id;
    call.args = this.#arguments(part);
    const json: Json = { functionCall: call };
    if (signature !== undefined) json.thoughtSignature = signature;
    else if (first && wantsSignatures(this.#model)) json.thoughtSignature = SKIP_VALIDATOR;
    return json;
  }

  /** Arguments must be an object here: a custom tool's text goes under `input`, a broken call's text too. */
  #arguments(part: PartOf<"call">): unknown {
    const { large } = this.#context;
    if (part.kind === "custom") return { input: part.arguments };
    if (part.arguments.trim() === "") return {};
    return large.kindOf(part.arguments) === "object" ? large.raw(part.arguments) : { input: part.arguments };
  }

  #result(part: PartOf<"result">, path: string, behind: Json[]): Json {
    const texts: string[] = [];
    const media: Json[] = [];
    for (const [at, inner] of part.parts.entries()) {
      const text = inner.type === "document" ? documentText(inner) : null;
      if (inner.type === "text") texts.push(inner.text);
      else if (text !== null) texts.push(text);
      else this.#add(media, inner, `${path}.content[${at}]`);
    }
    const response: Json = {
      name: this.#names.get(part.callId) ?? upstreamName(part.name ?? "unknown", undefined, GEMINI_NAMES),
      response: this.#output(texts, part.isError),
    };
    if (takesCallIds(this.#context)) response.id = part.callId;
    if (media.length > 0 && takesResultMedia(this.#model)) response.parts = media;
    else behind.push(...media);
    return { functionResponse: response };
  }

  #output(texts: readonly string[], isError: boolean): unknown {
    const { large } = this.#context;
    const only = texts.length === 1 ? (texts[0] ?? "") : null;
    const text = only ?? texts.join("\n\n");
    if (isError) return { error: text };
    if (text === "" || large.has(text) || !text.trimStart().startsWith("{")) return { output: text };
    return large.kindOf(text) === "object" ? large.raw(text) : { output: text };
  }

  #add(parts: Json[], part: Part, path: string): void {
    const json = this.#plain(part, path);
    if (json !== null) parts.push(json);
  }

  #plain(part: Part, path: string): Json | null {
    switch (part.type) {
      case "text": {
        const own = part.signature?.vendor === "google" && this.#context.dropThinking !== true;
        const signature = own ? part.signature?.value : undefined;
        if (part.text === "" && signature === undefined) return null;
        return signature === undefined
          ? { text: part.text }
          : { text: part.text, thoughtSignature: signature };
      }
      case "refusal":
        return { text: part.text };
      case "image":
        return { ...this.#media(part.source, "image/*", path), ...resolution(part.detail) };
      case "video":
        return this.#media(part.source, "video/mp4", path);
      case "audio":
        return { inlineData: { mimeType: `audio/${part.format}`, data: part.data } };
      case "document":
        return this.#document(part, path);
      case "opaque":
        if (part.vendor === "google") return this.#context.large.raw(part.raw) as unknown as Json;
        this.#context.warn("vendor_item", path);
        return null;
      default:
        return null;
    }
  }

  #document(part: PartOf<"document">, path: string): Json {
    const text = documentText(part);
    return text === null ? this.#media(part.source, "application/pdf", path) : { text };
  }

  #media(source: MediaSource, standard: string, path: string): Json {
    switch (source.kind) {
      case "base64":
        return { inlineData: { mimeType: source.mime === "" ? standard : source.mime, data: source.data } };
      case "url": {
        const file = fileData(source, this.#context);
        if (file !== null) return { fileData: file };
        throw badRequest(
          `${path}: this target takes no URL of this kind; send the data itself`,
          "unsupported_parameter",
          path,
        );
      }
      case "file": {
        if (source.vendor === "google") {
          const file = { fileUri: source.id };
          return { fileData: source.mime === undefined ? file : { ...file, mimeType: source.mime } };
        }
        throw badRequest(
          `${path} is a file of ${source.vendor}, which Gemini does not have`,
          "unsupported_parameter",
          path,
        );
      }
      default:
        return { text: source.text };
    }
  }
}

const RESOLUTIONS: Readonly<Record<string, string>> = {
  low: "MEDIA_RESOLUTION_LOW",
  high: "MEDIA_RESOLUTION_HIGH",
  original: "MEDIA_RESOLUTION_ULTRA_HIGH",
};

function resolution(detail: string | undefined): Json {
  const level = detail === undefined ? undefined : RESOLUTIONS[detail];
  return level === undefined ? {} : { mediaResolution: { level } };
}
