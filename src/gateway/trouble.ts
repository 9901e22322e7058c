/** What an attempt can run into, in the gateway's terms; classification turns it into what happens next. */
import type { HeaderList } from "../base/headers.ts";
import type { UpstreamErrorInfo } from "../base/upstream-error.ts";
import type { UpstreamFailure } from "../upstream/client.ts";

export type TroubleKind =
  | "transport" // the upstream client failed: `failure`
  | "answer" // an HTTP status that is no success: `status`, `headers`, `error`, `body`
  | "first_token_max" // no content in time
  | "answer_deadline" // the whole answer did not come in time
  | "idle" // silence inside a body
  | "content_idle" // pings, but no content
  | "total" // the total deadline of the request
  | "empty" // success without any content or finish
  | "error_inside" // success whose body or event is an error: `error`
  | "not_its_type" // the body is not what its content type says
  | "cut" // ended before its end
  | "departed" // a continuation that began another answer
  | "too_large" // over max_response_bytes or the event cap
  | "cannot" // the request cannot be put to this target (conversion, no endpoint)
  | "credential"; // its credential could not be fetched

export interface Trouble {
  readonly kind: TroubleKind;
  /** For the caller and the log; no secret. */
  readonly message: string;
  readonly failure: UpstreamFailure | null;
  readonly status: number;
  readonly headers: HeaderList;
  readonly error: UpstreamErrorInfo | null;
  /** The upstream's error body as it came, for relaying; null when there is none. */
  readonly body: Buffer | null;
  /** Whether the headers of an answer had come. */
  readonly afterHead: boolean;
  /** Whether part of the answer has been delivered. */
  readonly afterContent: boolean;
}

export function trouble(kind: TroubleKind, message: string, more: Partial<Trouble> = {}): Trouble {
  return {
    kind,
    message,
    failure: null,
    status: 0,
    headers: [],
    error: null,
    body: null,
    afterHead: false,
    afterContent: false,
    ...more,
  };
}
