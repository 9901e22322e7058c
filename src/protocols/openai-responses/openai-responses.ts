/** OpenAI's Responses protocol, for callers and as a native upstream. */

import { findValue, parseSpan } from "../byte-members.ts";
import type { ChatProtocol } from "../protocol.ts";
import { decodeError, encodeError, encodeStreamError } from "./errors.ts";
import { createInspector } from "./inspector.ts";
import { passThroughEdits } from "./pass-through.ts";
import { decodeRequest } from "./request.ts";
import { encodeRequest } from "./request-encoder.ts";
import { decodeResponse, encodeResponse } from "./response.ts";
import { createDecoder } from "./stream-decoder.ts";
import { createEncoder } from "./stream-encoder.ts";
import { decodeUsage } from "./types.ts";

export const openaiResponses: ChatProtocol = {
  name: "openai-responses",
  vendor: "openai",
  framing: "sse",
  streamContentType: "text/event-stream; charset=utf-8",
  rawMembers: ["parameters", "schema"],
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  createDecoder,
  createEncoder,
  createInspector,
  readUsage: (body) =>
    decodeUsage(parseSpan(body, findValue(body, body.indexOf(0x7b), body.length, "usage"))),
  encodeError,
  encodeStreamError,
  decodeError,
  passThroughEdits,
};
