/** Asks a server on this machine which models it has, for the built-in default. */
import type { ProbeModels } from "../config/defaults.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import { originOf } from "../upstream/origin.ts";

/** A server on localhost that is there answers at once; the start does not wait for one that is not. */
const DEADLINES = { connect: 500, firstByte: 1000, idle: 500, total: 1500 };
const MAX_BYTES = 256 * 1024;
const MAX_MODELS = 200;

export function createModelProbe(upstream: UpstreamClient): ProbeModels {
  return (url) =>
    new Promise((resolve) => {
      const origin = originOf(url);
      const chunks: Buffer[] = [];
      let length = 0;
      const call = upstream.send(
        {
          origin,
          method: "GET",
          path: "/v1/models",
          constantHeaders: "accept: application/json\r\n",
          headers: "",
          body: null,
          deadlines: DEADLINES,
        },
        {
          onHead(head) {
            if (head.status !== 200) give(null);
          },
          onData(chunk) {
            length += chunk.length;
            if (length > MAX_BYTES) give(null);
            else chunks.push(Buffer.from(chunk));
          },
          onEnd: () => resolve(readIds(Buffer.concat(chunks).toString("utf8"))),
          onFail: () => resolve(null),
        },
      );
      function give(answer: null): void {
        call.abort();
        resolve(answer);
      }
    });
}

/** Ids of OpenAI's list; null when it is none: something else listens on that port. */
function readIds(text: string): readonly string[] | null {
  try {
    const { data } = JSON.parse(text) as { data?: unknown };
    if (!Array.isArray(data)) return null;
    return data.slice(0, MAX_MODELS).flatMap((entry: unknown) => {
      const id = typeof entry === "object" && entry !== null ? (entry as { id?: unknown }).id : null;
      return typeof id === "string" ? [id] : [];
    });
  } catch {
    return null; // No JSON: not a model server.
  }
}
