/** Whole Chat answers: an upstream's -> neutral, neutral -> the caller's (40-protocols 2). */
import { Failure } from "../../base/failure.ts";
import { watchNames } from "../../base/json-names.ts";
import {
  endsObject,
  findMember,
  lastMember,
  lastValue,
  parseValue,
  scanObject,
} from "../../base/json-scan.ts";
import { settleResponse } from "../answer-assembly.ts";
import { CHAT_IDS } from "../call-ids.ts";
import { plainText } from "../document.ts";
import { type JsonObject, listOf, numberOf, objectOf, stringOf } from "../json-value.ts";
import type { ChatResponse, Part, Signature, Stop, Usage } from "../neutral.ts";
import type { AnswerContext, ConvertContext } from "../protocol.ts";
import { encodeCarrier } from "../signature-carrier.ts";
import { ThinkTagSplitter } from "../think-tags.ts";
import { isEmptyUsage } from "../usage.ts";
import { readAnnotations, writeAnnotation } from "./annotations.ts";
import { readErrorObject } from "./errors.ts";
import { readFinish, writeFinish } from "./finish.ts";
import { answerId, answerModel } from "./identity.ts";
import { readPlainUsage } from "./plain-usage.ts";
import { readChatUsage, writeChatUsage } from "./usage.ts";

/** Throws a Failure (502) when the document is no chat completion; an error body in a 200 keeps its message. */
export function decodeResponse(doc: unknown, context: ConvertContext): ChatResponse {
  const root = objectOf(Array.isArray(doc) ? doc[0] : doc);
  const error = root === undefined || root.choices === undefined ? readErrorObject(doc, 0) : null;
  if (error !== null) {
    throw new Failure("upstream", error.message, { code: "upstream_error" });
  }
  const choices = listOf(root?.choices);
  if (root === undefined || choices.length === 0) {
    throw new Failure("upstream", "the upstream's answer is no chat completion", {
      code: "bad_upstream_response",
    });
  }
  const ordered = choices.map((item) => objectOf(item) ?? {});
  ordered.sort((a, b) => (numberOf(a.index) ?? 0) - (numberOf(b.index) ?? 0));
  return {
    id: stringOf(root.id) ?? "",
    model: stringOf(root.model) ?? "",
    created: numberOf(root.created) ?? 0,
    candidates: ordered.map((choice) => decodeChoice(choice, context)),
    usage: readChatUsage(root.usage),
  };
}

function decodeChoice(choice: JsonObject, context: ConvertContext): ChatResponse["candidates"][number] {
  const message = objectOf(choice.message) ?? {};
  const parts: Part[] = [];
  const reasoning = stringOf(message.reasoning_content) ?? stringOf(message.reasoning);
  if (reasoning !== undefined && reasoning !== "") parts.push({ type: "thinking", text: reasoning });
  decodeText(message, parts, context);
  const refusal = stringOf(message.refusal);
  if (refusal !== undefined && refusal !== "") parts.push({ type: "refusal", text: refusal });
  for (const item of listOf(message.images)) {
    const url = stringOf(objectOf(objectOf(item)?.image_url)?.url) ?? "";
    const head = /^data:([^;,]+);base64,/.exec(url.slice(0, 128));
    if (head === null) continue;
    const source = { kind: "base64", mime: head[1] ?? "", data: url.slice(head[0].length) } as const;
    parts.push({ type: "image", source });
  }
  for (const item of listOf(message.tool_calls)) {
    const call = objectOf(item);
    if (call !== undefined) parts.push(decodeCall(call, context));
  }
  const legacy = objectOf(message.function_call);
  if (legacy !== undefined) parts.push(decodeCall({ function: legacy }, context));
  const logprobs = objectOf(choice.logprobs);
  const called = parts.some((part) => part.type === "call");
  const finish = stringOf(choice.finish_reason);
  const stop: Stop = finish === undefined ? { reason: called ? "tool_call" : "stop" } : readFinish(finish);
  return { parts, stop, ...(logprobs === undefined ? {} : { logprobs: JSON.stringify(logprobs) }) };
}

function decodeText(message: JsonObject, parts: Part[], context: ConvertContext): void {
  const content =
    typeof message.content === "string"
      ? message.content
      : listOf(message.content)
          .map((item) => stringOf(objectOf(item)?.text) ?? "")
          .join("");
  if (content === "") return;
  const citations = readAnnotations(message.annotations);
  const cited = citations.length === 0 ? {} : { citations };
  if (context.thinkTags !== true) {
    parts.push({ type: "text", text: content, ...cited });
    return;
  }
  const splitter = new ThinkTagSplitter();
  for (const piece of [...splitter.push(content), ...splitter.flush()]) {
    parts.push({ type: piece.thinking ? "thinking" : "text", text: piece.text });
  }
}

function decodeCall(item: JsonObject, context: ConvertContext): Part {
  const custom = objectOf(item.custom);
  const body = custom ?? objectOf(item.function) ?? {};
  const given = custom === undefined ? body.arguments : body.input;
  const signature = stringOf(objectOf(objectOf(item.extra_content)?.google)?.thought_signature);
  return {
    type: "call",
    id: stringOf(item.id) ?? "",
    name: stringOf(body.name) ?? "",
    arguments: typeof given === "string" ? context.large.expand(given) : context.large.jsonText(given),
    kind: custom === undefined ? "function" : "custom",
    ...(signature === undefined ? {} : { signature: { vendor: "google", value: signature } }),
  };
}

export function encodeResponse(response: ChatResponse, context: AnswerContext): string {
  const settled = settleResponse(response, context, { ids: CHAT_IDS, broken: "pass" });
  const usage = settled.usage;
  return JSON.stringify({
    id: answerId(settled.id, context),
    object: "chat.completion",
    created: settled.created > 0 ? settled.created : context.now,
    model: answerModel(settled.model, context),
    choices: settled.candidates.map((candidate, index) => encodeChoice(candidate, index, context)),
    ...(usage === null || isEmptyUsage(usage) ? {} : { usage: writeChatUsage(usage) }),
  });
}

function encodeChoice(
  candidate: ChatResponse["candidates"][number],
  index: number,
  context: AnswerContext,
): Record<string, unknown> {
  const { parts, stop } = candidate;
  const texts = parts.filter((part) => part.type === "text");
  const refusals = parts.filter((part) => part.type === "refusal");
  const thinking = parts.map((part) => (part.type === "thinking" ? part.text : "")).join("");
  const calls = encodeCalls(parts, context);
  const silent = texts.length === 0 && calls.length === 0;
  const filtered = stop.reason === "filtered" || stop.reason === "refusal";
  const refusal =
    refusals.length > 0 ? plainText(refusals) : silent && filtered ? (stop.detail ?? null) : null;
  const message: Record<string, unknown> = {
    role: "assistant",
    // `content: ""` would be an empty answer; null says that there is none beside the calls.
    content: texts.length === 0 ? (calls.length > 0 || refusal !== null ? null : "") : plainText(texts),
    refusal,
  };
  if (thinking !== "") message.reasoning_content = thinking;
  if (calls.length > 0) message.tool_calls = calls;
  const annotations = encodeAnnotations(texts);
  if (annotations.length > 0) message.annotations = annotations;
  const images = parts.filter((part) => part.type === "image" && part.source.kind === "base64");
  if (images.length > 0) message.images = images.map(encodeImage);
  for (const part of parts) if (part.type === "opaque") context.warn("vendor_item", part.vendor);
  return {
    index,
    message,
    logprobs: candidate.logprobs === undefined ? null : JSON.parse(candidate.logprobs),
    finish_reason: writeFinish(stop.reason),
  };
}

function encodeImage(part: Part): Record<string, unknown> {
  const source =
    part.type === "image" && part.source.kind === "base64" ? part.source : { mime: "", data: "" };
  return { type: "image_url", image_url: { url: `data:${source.mime};base64,${source.data}` } };
}

function encodeAnnotations(texts: readonly Part[]): unknown[] {
  const out: unknown[] = [];
  let offset = 0;
  for (const part of texts) {
    if (part.type !== "text") continue;
    const length = part.text.length;
    for (const citation of part.citations ?? []) out.push(writeAnnotation(citation, offset, length));
    offset += length;
  }
  return out;
}

function encodeCalls(parts: readonly Part[], context: AnswerContext): Record<string, unknown>[] {
  const calls: Record<string, unknown>[] = [];
  let signatures: Signature[] = [];
  for (const part of parts) {
    if (part.type === "thinking" && part.signature !== undefined) signatures.push(part.signature);
    if (part.type !== "call") continue;
    if (part.signature !== undefined) signatures.push(part.signature);
    const name = part.namespace === undefined ? part.name : `${part.namespace}__${part.name}`;
    const call: Record<string, unknown> =
      part.kind === "custom"
        ? { id: part.id, type: "custom", custom: { name, input: part.arguments } }
        : { id: part.id, type: "function", function: { name, arguments: part.arguments || "{}" } };
    if (signatures.length > 0) {
      const carrier = encodeCarrier(context.origin, signatures);
      context.carriers.set(part.id, carrier);
      call.extra_content = { google: { thought_signature: carrier } };
      signatures = [];
    }
    calls.push(call);
  }
  return calls;
}

const USAGE = watchNames(["usage"]);
const USAGE_NAME = Buffer.from('"usage"');

/** Usage of a whole answer that is relayed; null when it has none or is not an object. */
export function readUsage(body: Buffer): Usage | null {
  try {
    const plain = readPlainLast(body);
    if (plain !== null) return plain;
    const member = lastMember(body, USAGE_NAME) ?? findMember(scanObject(body, USAGE), "usage");
    return member === undefined ? null : readChatUsage(parseValue(body, member));
  } catch {
    return null; // Not an answer with figures; what it is, is judged elsewhere.
  }
}

/** What `lastMember` would find, when it is plain: then its end is found by reading it. */
function readPlainLast(body: Buffer): Usage | null {
  const value = lastValue(body, USAGE_NAME);
  const plain = value < 0 ? null : readPlainUsage(body, value, body.length);
  return plain !== null && endsObject(body, plain.after) ? plain.usage : null;
}
