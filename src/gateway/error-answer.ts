/** Collects the body of an answer that is no success, as far as it is worth keeping. */
import type { HeaderList } from "../base/headers.ts";
import type { UpstreamErrorInfo } from "../base/upstream-error.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { Attempt } from "./attempt.ts";
import { trouble } from "./trouble.ts";

/** Error bodies are text for people; what is longer is cut. */
const MAX_ERROR_BYTES = 64 * 1024;

/** Ends the attempt with an `answer` trouble once the body is there, cut off, or long enough. */
export function createErrorReader(
  attempt: Attempt,
  head: { readonly status: number; readonly headers: HeaderList },
  decode: (status: number, body: string) => UpstreamErrorInfo,
): AnswerReader {
  const pieces: Buffer[] = [];
  let length = 0;
  const finish = () => {
    const body = Buffer.concat(pieces);
    const error = decode(head.status, body.toString("utf8"));
    attempt.fail(
      trouble("answer", error.message, {
        status: head.status,
        headers: head.headers,
        error,
        body,
        afterHead: true,
      }),
    );
  };
  return {
    usage: null,
    data(chunk) {
      const room = MAX_ERROR_BYTES - length;
      pieces.push(Buffer.from(chunk.subarray(0, room)));
      length += Math.min(room, chunk.length);
      if (length >= MAX_ERROR_BYTES) finish();
    },
    end: finish,
    deliver() {
      throw new Error("an error answer is never delivered as it is");
    },
  };
}
