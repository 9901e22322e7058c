/** Ollama's own API (`/api/chat`, `/api/generate`), for callers and as an upstream (40-protocols 1.11). */
import type { ChatProtocol } from "../protocol.ts";
import { decodeError, encodeError, encodeStreamError } from "./errors.ts";
import { createInspector, readFigures } from "./inspector.ts";
import { passThroughEdits } from "./pass-through.ts";
import { decodeRequest } from "./request.ts";
import { encodeRequest, sourcesToInline } from "./request-encoder.ts";
import { decodeResponse, encodeResponse } from "./response.ts";
import { createDecoder, createEncoder } from "./stream.ts";

export const ollama: ChatProtocol = {
  name: "ollama",
  vendor: "ollama",
  framing: "ndjson",
  streamContentType: "application/x-ndjson",
  rawMembers: ["parameters", "format", "arguments"],
  decodeRequest,
  sourcesToInline,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  createDecoder,
  createEncoder,
  createInspector,
  readUsage: (body) => readFigures(body, Math.max(0, body.indexOf(0x7b)), body.length),
  encodeError,
  encodeStreamError: (failure) => encodeStreamError(failure),
  decodeError,
  passThroughEdits,
};
