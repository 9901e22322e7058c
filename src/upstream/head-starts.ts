/** Heads of requests to one origin as bytes, up to the length of the body: a client's next request mostly differs in that alone. */
import { Ring } from "../base/ring.ts";
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
  readonly #known = new Ring<KnownStart>(HEADS);

  /** null: not known. */
  recall(request: UpstreamRequest): Buffer | null {
    const known = this.#known.all;
    for (let i = 0; i < known.length; i++) {
      const start = known[i] as KnownStart;
      if (
        start.constantHeaders === request.constantHeaders &&
        start.path === request.path &&
        start.headers === request.headers &&
        start.method === request.method
      )
        return start.bytes;
    }
    return null;
  }

  /** Returns the bytes of `text`, which is Latin-1. */
  keep(request: UpstreamRequest, text: string): Buffer {
    const bytes = Buffer.allocUnsafeSlow(text.length);
    bytes.write(text, "latin1");
    if (text.length > MAX_BYTES) return bytes;
    const { method, path, constantHeaders, headers } = request;
    this.#known.add({ method, path, constantHeaders, headers, bytes });
    return bytes;
  }
}
