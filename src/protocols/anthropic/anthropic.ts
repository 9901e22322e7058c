/** Anthropic Messages, as the protocol of callers and of every Claude upstream. */
import type { ChatProtocol } from "../protocol.ts";
import { decodeError, encodeError, encodeStreamError } from "./errors.ts";
import { AnthropicInspector } from "./inspector.ts";
import { passThroughEdits } from "./pass-through.ts";
import { decodeRequest } from "./request-decoder.ts";
import { encodeRequest } from "./request-encoder.ts";
import { decodeResponse, encodeResponse, readUsage, usageCounts } from "./response.ts";
import { AnthropicDecoder } from "./stream-decoder.ts";
import { AnthropicEncoder } from "./stream-encoder.ts";

export const anthropic: ChatProtocol = {
  name: "anthropic",
  vendor: "anthropic",
  framing: "sse",
  streamContentType: "text/event-stream; charset=utf-8",
  rawMembers: ["input_schema", "input", "schema"],
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  createDecoder: () => new AnthropicDecoder(),
  createEncoder: (context, resume) => new AnthropicEncoder(context, resume),
  createInspector: (options) => new AnthropicInspector(options),
  readUsage,
  usageCounts,
  encodeError,
  encodeStreamError: (failure) => encodeStreamError(failure),
  decodeError,
  passThroughEdits,
};
