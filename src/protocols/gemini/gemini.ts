/** The Gemini API (`generateContent`, `streamGenerateContent`), as client and as upstream, Vertex included. */
import type { ChatProtocol } from "../protocol.ts";
import { readUsage } from "./answer-usage.ts";
import { sourcesToInline } from "./content-encoder.ts";
import { decodeError, encodeError, errorJson } from "./errors.ts";
import { GeminiInspector } from "./inspector.ts";
import { passThroughEdits } from "./pass-through.ts";
import { decodeRequest } from "./request-decoder.ts";
import { encodeRequest } from "./request-encoder.ts";
import { decodeResponse, encodeResponse } from "./response.ts";
import { createDecoder } from "./stream-decoder.ts";
import { createEncoder } from "./stream-encoder.ts";

export const gemini: ChatProtocol = {
  name: "gemini",
  vendor: "google",
  framing: "sse",
  streamContentType: "text/event-stream",
  // `parameters` and `responseSchema` are read: they become JSON Schema.
  rawMembers: [
    "args",
    "response",
    "parametersJsonSchema",
    "parameters_json_schema",
    "responseJsonSchema",
    "response_json_schema",
  ],
  decodeRequest,
  encodeRequest,
  sourcesToInline,
  decodeResponse,
  encodeResponse,
  createDecoder,
  createEncoder,
  createInspector: (options) => new GeminiInspector(options),
  readUsage,
  encodeError,
  encodeStreamError(failure, inspector) {
    if (!(inspector instanceof GeminiInspector && inspector.array)) return `data: ${errorJson(failure)}\n\n`;
    return `,${errorJson(failure)}]`;
  },
  decodeError,
  passThroughEdits,
};
