/** Fetches one URL of a request: https, one good answer, no redirects, bounded in bytes and time. */
import type { Timer } from "../base/clock.ts";
import { badRequest, Failure } from "../base/failure.ts";
import { headerValue } from "../base/headers.ts";
import type { ResponseHead, UpstreamCall, UpstreamFailure, UpstreamHandler } from "../upstream/client.ts";
import type { Core } from "./core.ts";

export interface FetchedSource {
  /** Lower case, without parameters; "" where the server does not say. */
  readonly mime: string;
  readonly body: Buffer;
}

/** What the fetches of one request may take, all together. */
export interface FetchQuota {
  /** Bytes that may still come. */
  readonly left: number;
  take(bytes: number): Failure | null;
}

/** For all of it, the look-up included (40-protocols.md 1.2). */
const TIMEOUT_MS = 10_000;
const HEADERS = "user-agent: sluice\r\naccept: */*\r\naccept-encoding: identity\r\n";
export const NOT_FETCHED = "source_not_fetched";

export class SourceFetch implements UpstreamHandler {
  readonly #core: Core;
  readonly #quota: FetchQuota;
  readonly #done: (result: FetchedSource | Failure) => void;
  readonly #timer: Timer;
  #host = "a source";
  #call: UpstreamCall | null = null;
  #over = false;
  #mime = "";
  #pieces: Buffer[] = [];

  /** `done` is called once, and later; not after `cancel`. */
  constructor(core: Core, url: string, quota: FetchQuota, done: (result: FetchedSource | Failure) => void) {
    this.#core = core;
    this.#quota = quota;
    this.#done = done;
    this.#timer = core.time.timers.start(TIMEOUT_MS, () =>
      this.#refuse(`did not answer within ${TIMEOUT_MS / 1000} s`),
    );
    void this.#start(url);
  }

  cancel(): void {
    this.#finish();
  }

  onHead({ status, headers }: ResponseHead): void {
    const encoding = headerValue(headers, "content-encoding");
    const mime = (headerValue(headers, "content-type").split(";")[0] ?? "").trim().toLowerCase();
    const length = headerValue(headers, "content-length");
    if (status !== 200) {
      const more = status >= 300 && status < 400 ? ", and redirects are not followed" : "";
      this.#refuse(`answered ${status}${more}`);
    } else if (encoding !== "" && encoding !== "identity") this.#refuse("answered in an encoding");
    else if (!isMedia(mime))
      this.#refuse(`sent ${printable(mime)}, which is no image, document, audio or video`);
    else if (length !== "" && Number(length) > this.#quota.left) this.#end(tooLarge(this.#host));
    this.#mime = mime === "application/octet-stream" ? "" : mime;
  }

  onData(chunk: Buffer): void {
    if (this.#over) return;
    if (chunk.length > this.#quota.left) {
      this.#end(tooLarge(this.#host));
      return;
    }
    const refusal = this.#quota.take(chunk.length);
    if (refusal === null) this.#pieces.push(Buffer.from(chunk));
    else this.#end(refusal);
  }

  onEnd(clean: boolean): void {
    if (this.#over) return;
    const body = Buffer.concat(this.#pieces);
    if (!clean) this.#refuse("did not say where its answer ends");
    else if (body.length === 0) this.#refuse("sent nothing");
    else this.#end({ mime: this.#mime, body });
  }

  onFail(failure: UpstreamFailure): void {
    this.#refuse(`could not be fetched: ${failure.message}`);
  }

  async #start(text: string): Promise<void> {
    try {
      // Never inside the constructor.
      await null;
      const url = readUrl(text);
      this.#host = url.hostname;
      const origin = await this.#core.publicOrigin(url);
      if (this.#over) return;
      this.#call = this.#core.upstream.send(
        {
          origin,
          method: "GET",
          path: url.pathname + url.search,
          constantHeaders: HEADERS,
          headers: "",
          body: null,
          deadlines: { connect: TIMEOUT_MS, firstByte: 0, idle: 0, total: 0 },
        },
        this,
      );
    } catch (thrown) {
      if (thrown instanceof Failure) this.#end(badRequest(thrown.message, thrown.code));
      else this.#end(badRequest(`${this.#host} could not be fetched`, NOT_FETCHED));
    }
  }

  #refuse(why: string): void {
    this.#end(badRequest(`${this.#host} ${why}`, NOT_FETCHED));
  }

  #end(result: FetchedSource | Failure): void {
    if (this.#finish()) this.#done(result);
  }

  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#timer.cancel();
    this.#call?.abort();
    this.#pieces = [];
    return true;
  }
}

function readUrl(text: string): URL {
  if (!URL.canParse(text)) throw badRequest("a source is not a URL", NOT_FETCHED);
  const url = new URL(text);
  if (url.protocol !== "https:") throw badRequest("a source that must be fetched is not https", NOT_FETCHED);
  if (url.username !== "" || url.password !== "")
    throw badRequest("a source that must be fetched has credentials in its URL", NOT_FETCHED);
  return url;
}

function isMedia(mime: string): boolean {
  if (mime === "" || mime === "application/octet-stream" || mime === "application/pdf") return true;
  return /^(?:image|video|audio|text)\//.test(mime) && mime !== "text/html";
}

function tooLarge(host: string): Failure {
  return badRequest(
    `${host} sends more than a request may hold (limits.max_request_bytes)`,
    "source_too_large",
  );
}

function printable(mime: string): string {
  return mime.replace(/[^\x20-\x7e]/g, "?").slice(0, 80);
}
