/** Errors of the Responses protocol: bodies as in Chat, `response.failed` inside a stream. */
import type { Failure } from "../../base/failure.ts";
import type { StreamInspector, StreamPosition } from "../protocol.ts";
import { writeFailed } from "./in-band-error.ts";

export { decodeError, encodeError } from "../openai-chat/errors.ts";

/** A stream of which nothing was seen yet still has to name a response. */
const UNSEEN: StreamPosition = {
  id: "resp_unavailable",
  model: "",
  created: 0,
  nextIndex: 0,
  open: null,
  sequence: 0,
  started: false,
  items: [],
};

/** The in-band error of a relayed stream. */
export function encodeStreamError(failure: Failure, inspector: StreamInspector | null): string {
  const position = inspector?.position();
  return writeFailed(position === undefined || !position.started ? UNSEEN : position, failure);
}
