/** Puts content in place of URLs that a target cannot be given (40-protocols.md 1.2): each is fetched once per request. */
import { badRequest, Failure } from "../base/failure.ts";
import { sniffMime } from "../protocols/data-url.ts";
import type { LargeStringStore } from "../protocols/large-strings.ts";
import type { ChatRequest, MediaSource, Part } from "../protocols/neutral.ts";
import type { Core } from "./core.ts";
import type { PendingSend } from "./plan.ts";
import { type FetchedSource, NOT_FETCHED, SourceFetch } from "./source-fetch.ts";

type Inlined = Extract<MediaSource, { kind: "base64" }>;
type MediaPart = Extract<Part, { type: "image" | "document" | "video" }>;

/** URLs of one request, and how many of them are fetched at a time. */
const MAX_SOURCES = 32;
const PARALLEL = 4;

export class InlinedSources {
  readonly #core: Core;
  readonly #large: LargeStringStore;
  readonly #known = new Map<string, Inlined | Failure>();
  /** Bytes that may still be fetched, and the memory that is held. */
  #left: number;
  #held = 0;
  #released = false;

  /** `maxBytes`: of all sources together. `large` keeps their content until the body is written. */
  constructor(core: Core, large: LargeStringStore, maxBytes: number) {
    this.#core = core;
    this.#large = large;
    this.#left = maxBytes;
  }

  /** What must be waited for before `replace`; null = nothing. Throws a Failure 400 for too many URLs. */
  pending(sources: readonly MediaSource[]): PendingSend | null {
    const urls = new Set<string>();
    for (const source of sources) if (source.kind === "url") urls.add(source.url);
    if (urls.size > MAX_SOURCES)
      throw badRequest(`more than ${MAX_SOURCES} URLs would have to be fetched`, NOT_FETCHED);
    const missing = [...urls].filter((url) => !this.#known.has(url));
    const failed = [...urls].some((url) => this.#known.get(url) instanceof Failure);
    // One that cannot be had is enough to refuse.
    return missing.length === 0 || failed ? null : { fetch: (done) => this.#fetch(missing, done) };
  }

  /**
   * The request with content in place of these URLs; everything else is shared. Throws a Failure, with the part's path,
   * for one that could not be had or is not what its part says.
   */
  replace(request: ChatRequest, sources: readonly MediaSource[]): ChatRequest {
    if (sources.length === 0) return request;
    const wanted = new Set(sources);
    const inParts = (parts: Part[], path: string): Part[] => {
      let changed = false;
      const replaced = parts.map((part, index): Part => {
        const at = `${path}.content[${index}]`;
        if (part.type === "result") {
          const inner = inParts(part.parts, at);
          changed ||= inner !== part.parts;
          return inner === part.parts ? part : { ...part, parts: inner };
        }
        if (part.type !== "image" && part.type !== "document" && part.type !== "video") return part;
        if (part.source.kind !== "url" || !wanted.has(part.source)) return part;
        changed = true;
        return { ...part, source: this.#contentOf(part, part.source, at) };
      });
      return changed ? replaced : parts;
    };
    const turns = request.turns.map((turn, index) => {
      const parts = inParts(turn.parts, `messages[${index}]`);
      return parts === turn.parts ? turn : { ...turn, parts };
    });
    return { ...request, turns };
  }

  /** Gives the memory back. */
  release(): void {
    this.#released = true;
    this.#known.clear();
    this.#giveBack(this.#held);
  }

  #contentOf(part: MediaPart, source: Extract<MediaSource, { kind: "url" }>, path: string): Inlined {
    const found = this.#known.get(source.url);
    if (found === undefined || found instanceof Failure) {
      const failure = found ?? badRequest("a source was not fetched", NOT_FETCHED);
      if (failure.kind !== "bad_request") throw failure;
      throw badRequest(`${path}: ${failure.message}`, failure.code, path);
    }
    const mime = found.mime || sniffMime(found.data, this.#large) || (source.mime ?? "");
    if (isOfPart(part, mime)) return { ...found, mime };
    const what = mime === "" ? "something unknown" : mime;
    throw badRequest(`${path}: ${what} was fetched for this ${part.type}`, NOT_FETCHED, path);
  }

  #fetch(urls: readonly string[], done: () => void): () => void {
    const waiting = [...urls];
    const running = new Set<SourceFetch>();
    const stop = () => {
      waiting.length = 0;
      for (const fetch of running) fetch.cancel();
      running.clear();
    };
    const startNext = () => {
      const url = waiting.shift();
      if (url === undefined) return;
      const fetch = new SourceFetch(this.#core, url, this.#quota, (result) => {
        running.delete(fetch);
        const inlined = result instanceof Failure ? result : this.#hold(result);
        this.#known.set(url, inlined);
        if (inlined instanceof Failure) stop();
        startNext();
        if (running.size === 0) done();
      });
      running.add(fetch);
    };
    for (let i = 0; i < PARALLEL; i++) startNext();
    return stop;
  }

  readonly #quota = (() => {
    const sources = this;
    return {
      get left() {
        return sources.#left;
      },
      take(bytes: number) {
        const refusal = sources.#admit(bytes);
        if (refusal === null) sources.#left -= bytes;
        return refusal;
      },
    };
  })();

  /** As base64 outside of JavaScript's heap; the bytes that came are let go. */
  #hold({ mime, body }: FetchedSource): Inlined | Failure {
    const refusal = this.#admit(Math.ceil(body.length / 3) * 4);
    if (refusal !== null) return refusal;
    const data = this.#large.holdString(base64Of(body));
    this.#giveBack(body.length);
    return { kind: "base64", mime: mime === "image/jpg" ? "image/jpeg" : mime, data };
  }

  #admit(bytes: number): Failure | null {
    const refusal = this.#released ? RELEASED : this.#core.memory.admit(bytes, this.#held);
    if (refusal === null) this.#held += bytes;
    return refusal;
  }

  #giveBack(bytes: number): void {
    this.#held -= bytes;
    if (bytes > 0) this.#core.memory.release(bytes);
  }
}

const RELEASED = badRequest("the request is over", NOT_FETCHED);

/** Bytes that become base64 text at once: a multiple of three, and small enough for a short-lived string. */
const STEP = 48 * 1024;

function base64Of(bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafeSlow(Math.ceil(bytes.length / 3) * 4);
  let to = 0;
  for (let at = 0; at < bytes.length; at += STEP)
    to += out.write(bytes.toString("base64", at, Math.min(at + STEP, bytes.length)), to, "latin1");
  return out;
}

function isOfPart(part: MediaPart, mime: string): boolean {
  if (part.type === "document") return mime === "application/pdf" || mime.startsWith("text/");
  return mime.startsWith(`${part.type}/`);
}
