/** One small request and its whole answer as a promise, for the gateway's own calls: JWKS, Google tokens, OTLP. */
import { Failure } from "../base/failure.ts";
import type { HeaderList } from "../base/headers.ts";
import type { Origin, UpstreamCall, UpstreamClient } from "./client.ts";

export interface SmallRequest {
  readonly method?: string;
  /** Origin-form target. */
  readonly path: string;
  /** Header lines, `name: value\r\n…`. */
  readonly headers?: string;
  readonly body?: Uint8Array | null;
  /** For all of it, milliseconds. */
  readonly timeoutMs: number;
  /** A larger answer fails. Default 256 KiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

export interface SmallResponse {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer;
}

const DEFAULT_MAX_BYTES = 256 * 1024;

/** Any status resolves. Rejects with a Failure: `upstream_<cause>`, `answer_too_large` or `aborted`. */
export function fetchSmall(
  client: UpstreamClient,
  origin: Origin,
  request: SmallRequest,
): Promise<SmallResponse> {
  const { timeoutMs, signal } = request;
  const body = request.body ?? null;
  const maxBytes = request.maxBytes ?? DEFAULT_MAX_BYTES;
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let size = 0;
    let status = 0;
    let headers: HeaderList = [];
    const stop = (call: UpstreamCall, failure: Failure) => {
      signal?.removeEventListener("abort", onAbort);
      call.abort();
      reject(failure);
    };
    const aborted = () =>
      new Failure("timeout", `the request to ${origin.host} was aborted`, { code: "aborted" });
    const onAbort = () => stop(call, aborted());
    if (signal?.aborted === true) {
      reject(aborted());
      return;
    }
    signal?.addEventListener("abort", onAbort, { once: true });
    const call = client.send(
      {
        origin,
        method: request.method ?? (body === null ? "GET" : "POST"),
        path: request.path,
        constantHeaders: "accept-encoding: identity\r\n",
        headers: request.headers ?? "",
        body: body === null ? null : [body],
        deadlines: { connect: timeoutMs, firstByte: 0, idle: 0, total: timeoutMs },
      },
      {
        onHead(head) {
          status = head.status;
          headers = head.headers;
        },
        onData(chunk) {
          size += chunk.length;
          if (size > maxBytes) {
            const message = `the answer of ${origin.host} is larger than ${maxBytes} bytes`;
            stop(call, new Failure("upstream", message, { code: "answer_too_large" }));
          } else pieces.push(Buffer.from(chunk));
        },
        onEnd() {
          signal?.removeEventListener("abort", onAbort);
          resolve({ status, headers, body: Buffer.concat(pieces, size) });
        },
        onFail(failure) {
          signal?.removeEventListener("abort", onAbort);
          const kind = failure.cause.endsWith("timeout") ? "timeout" : "upstream";
          reject(new Failure(kind, failure.message, { code: `upstream_${failure.cause}` }));
        },
      },
    );
  });
}
