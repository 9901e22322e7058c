/** OpenAI Chat Completions, as the protocol of callers and of every `openai` upstream. */
import type { ChatProtocol } from "../protocol.ts";
import { decodeError, encodeError, encodeStreamError } from "./errors.ts";
import { ChatInspector } from "./inspector.ts";
import { passThroughEdits } from "./pass-through.ts";
import { decodeRequest } from "./request-decoder.ts";
import { encodeRequest } from "./request-encoder.ts";
import { decodeResponse, encodeResponse, readUsage } from "./response.ts";
import { sourcesToInline } from "./sources.ts";
import { ChatDecoder } from "./stream-decoder.ts";
import { ChatEncoder } from "./stream-encoder.ts";

export const openaiChat: ChatProtocol = {
  name: "openai-chat",
  vendor: "openai",
  framing: "sse",
  streamContentType: "text/event-stream; charset=utf-8",
  rawMembers: ["parameters", "schema", "arguments"],
  decodeRequest,
  sourcesToInline,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  createDecoder: (context) => new ChatDecoder(context),
  createEncoder: (context, resume) => new ChatEncoder(context, resume),
  createInspector: (options) => new ChatInspector(options),
  readUsage,
  encodeError,
  encodeStreamError: (failure) => encodeStreamError(failure),
  decodeError,
  passThroughEdits,
};
