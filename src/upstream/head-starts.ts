/** Heads of requests to one origin as bytes, up to the length of the body: a client's next request mostly differs in that alone. */
import type { UpstreamRequest } from "./client.ts";

/** Heads remembered at a time: few clients ask an origin at once, each for a model or two. */
const HEADS = 4;
/** Bytes of a head; a longer one is not remembered. */
const MAX_BYTES = 4096;

interface KnownStart {
  readonly method: string;
  readonly path: string;
  readonly constantHeaders: string;
  readonly headers: string;
  readonly bytes: Buffer;
}

export class HeadStarts {
  readonly #known: KnownStart[] = [];
  #oldest = 0;

  /** null: not known. */
  recall(request: UpstreamRequest): Buffer | null {
    for (let i = 0; i < this.#known.length; i++) {
      const known = this.#known[i] as KnownStart;
      if (
        known.constantHeaders === request.constantHeaders &&
        known.path === request.path &&
        known.headers === request.headers &&
        known.method === request.method
      )
        return known.bytes;
    }
    return null;
  }

  /** Returns the bytes of `text`, which is Latin-1. */
  keep(request: UpstreamRequest, text: string): Buffer {
    const bytes = Buffer.allocUnsafeSlow(text.length);
    bytes.write(text, "latin1");
    if (text.length > MAX_BYTES) return bytes;
    const { method, path, constantHeaders, headers } = request;
    this.#known[this.#oldest] = { method, path, constantHeaders, headers, bytes };
    this.#oldest = (this.#oldest + 1) % HEADS;
    return bytes;
  }
}
