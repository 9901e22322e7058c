/** Cohere's chat, v2 and v1, as client and as upstream. */
import { type Edit, insertMembers, removeMembers, replaceValue } from "../../base/json-edit.ts";
import { watchNames } from "../../base/json-names.ts";
import { findMember, scanObject } from "../../base/json-scan.ts";
import type { ChatProtocol, ConvertContext, StreamInspector } from "../protocol.ts";
import { readUsage } from "./answer-usage.ts";
import { decodeError, encodeError } from "./errors.ts";
import { CohereInspector } from "./inspector.ts";
import { decodeRequest } from "./request-decoder.ts";
import { encodeRequest } from "./request-encoder.ts";
import { decodeResponse, encodeResponse } from "./response.ts";
import { createDecoder } from "./stream-decoder.ts";
import { createEncoder, failedEnd } from "./stream-encoder.ts";
import { decodeRequest as decodeRequestV1 } from "./v1-request-decoder.ts";
import { encodeRequest as encodeRequestV1 } from "./v1-request-encoder.ts";
import { decodeResponse as decodeResponseV1, encodeResponse as encodeResponseV1 } from "./v1-response.ts";
import { createDecoder as createDecoderV1 } from "./v1-stream-decoder.ts";
import { createEncoder as createEncoderV1, failedEndV1 } from "./v1-stream-encoder.ts";

const MODEL = watchNames(["model"]);
/** What makes the request: never cut, whoever refused it. */
const KEPT = ["model", "messages", "message", "chat_history"];

/** Cohere has no signatures: the model is changed, and members this target refused lately go. v1 may name no model. */
function passThroughEdits(body: Buffer, context: ConvertContext): Edit[] {
  const refused = (context.refused ?? []).filter((name) => !KEPT.includes(name));
  const scan = scanObject(body, refused.length === 0 ? MODEL : watchNames(["model", ...refused]));
  const model = findMember(scan, "model");
  const removed = scan.members.filter((member) => member !== model);
  const json = JSON.stringify(context.model);
  return [
    ...removeMembers(removed),
    ...(model === undefined
      ? insertMembers(scan, [{ name: "model", json }], removed.length)
      : [replaceValue(model, json)]),
  ];
}

function idOf(inspector: StreamInspector | null): string {
  return inspector instanceof CohereInspector ? inspector.id : "";
}

export const cohere: ChatProtocol = {
  name: "cohere",
  vendor: "cohere",
  framing: "sse",
  streamContentType: "text/event-stream",
  rawMembers: ["parameters", "json_schema", "schema", "data"],
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  createDecoder,
  createEncoder,
  createInspector: (options) => new CohereInspector(options, false),
  readUsage,
  encodeError,
  encodeStreamError: (failure, inspector) => failedEnd(idOf(inspector), failure.message),
  decodeError,
  passThroughEdits,
};

export const cohereV1: ChatProtocol = {
  name: "cohere-v1",
  vendor: "cohere",
  framing: "ndjson",
  streamContentType: "application/stream+json",
  rawMembers: ["parameters", "schema", "json_schema", "outputs"],
  decodeRequest: decodeRequestV1,
  encodeRequest: encodeRequestV1,
  decodeResponse: decodeResponseV1,
  encodeResponse: encodeResponseV1,
  createDecoder: createDecoderV1,
  createEncoder: createEncoderV1,
  createInspector: (options) => new CohereInspector(options, true),
  readUsage,
  encodeError,
  encodeStreamError: (failure, inspector) =>
    failedEndV1(idOf(inspector), textOf(inspector?.text ?? null), failure.message),
  decodeError,
  passThroughEdits,
};

function textOf(escaped: Buffer | null): string {
  if (escaped === null) return "";
  try {
    return String(JSON.parse(`"${escaped}"`));
  } catch {
    // A bad escape of the upstream: the error matters more than the text.
    return "";
  }
}
