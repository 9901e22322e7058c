/** A chat relayed as it is, to a target that speaks the caller's protocol: bytes pass, spliced where the target needs it. */
import { headerValue } from "../base/headers.ts";
import { applyEdits } from "../base/json-edit.ts";
import type { ConvertContext } from "../protocols/protocol.ts";
import type { ResponseHead } from "../upstream/client.ts";
import { writeHead } from "./answer-head.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { Attempt } from "./attempt.ts";
import { completeChatBody } from "./body-additions.ts";
import { wholeAsStream } from "./chat-convert.ts";
import type { ChatState } from "./chat-state.ts";
import { MAX_KEPT_TEXT } from "./event-writer.ts";
import { targetHeaders } from "./forwarded-headers.ts";
import { noteId, noteIds } from "./issued-ids.ts";
import { createModelRewriter } from "./model-rewriter.ts";
import type { PreparedSend, Rework } from "./plan.ts";
import { RelayStream, terminatorOf } from "./relay-stream.ts";
import type { Target } from "./target.ts";
import { watchWith } from "./watch-stream.ts";
import { WholeAnswer } from "./whole-answer.ts";

const HOLD_BYTES = 8 * 1024 * 1024;
const RAW = ["text/event-stream", "application/x-ndjson", "application/stream+json"];

/** Throws Failure (400). */
export function relayChat(state: ChatState, target: Target, path: string, rework: Rework): PreparedSend {
  const { client, facts, record } = state;
  const { headers } = record.exchange;
  const context = state.context(target, rework);
  const edits = client.passThroughEdits(facts.body, context);
  const { stream } = facts;
  const clientQuery = client.name === "gemini" && facts.jsonArray;
  return {
    method: "POST",
    path: clientQuery ? path.replace("?alt=sse", "") : path,
    headers: targetHeaders(headers, target.provider),
    body: completeChatBody(applyEdits(facts.body, edits), target, headers),
    stream,
    speaksCallers: true,
    decodeError: client.decodeError,
    createReader: (attempt, head) =>
      stream ? relayStream(state, attempt, head, context) : relayWhole(state, attempt, head),
    createWatcher: watchWith(client, facts.jsonArray),
  };
}

function relayStream(
  state: ChatState,
  attempt: Attempt,
  head: ResponseHead,
  context: ConvertContext,
): AnswerReader {
  const { client, facts, record } = state;
  const type = headerValue(head.headers, "content-type");
  // A stream was asked for and a whole answer came (an old server, or an error in a 200).
  if (type.includes("application/json") && !facts.jsonArray)
    return wholeAsStream(state, attempt, head, client, context, []);
  const framing = type.includes("ndjson") ? "ndjson" : client.framing;
  return new RelayStream(attempt, {
    framing: facts.jsonArray ? "json-array" : framing,
    inspector: client.createInspector({
      keepText: record.alias?.continuation === true ? MAX_KEPT_TEXT : 0,
      memory: attempt.memory,
    }),
    showUsage: facts.showUsage,
    echoModel: state.echo,
    terminator: facts.jsonArray ? "]" : terminatorOf(client.name),
    onDelivered: (stream) => {
      state.relayed = stream;
      state.forgetScan();
      if (client.name === "openai-responses")
        noteId(state.core, record, stream.inspector.position().id, attempt.target);
    },
    start: (to) => {
      const sameBody =
        headerValue(head.headers, "content-encoding") === "" && RAW.some((raw) => type.includes(raw));
      to.start(200, state.head(attempt, head, sameBody));
    },
  });
}

function relayWhole(state: ChatState, attempt: Attempt, head: ResponseHead): AnswerReader {
  const { client, core, record, echo } = state;
  const sameBody = headerValue(head.headers, "content-encoding") === "";
  const type = headerValue(head.headers, "content-type") || "application/json";
  const headers = () =>
    writeHead(record, attempt, head, core.time.clock, { sameBody, contentType: type, stream: false });
  return new WholeAnswer(attempt, {
    holdBytes: HOLD_BYTES,
    mustHold: false,
    json: true,
    decodeError: client.decodeError,
    readUsage: client.readUsage,
    read: (body) => (to) => {
      noteIds(core, record, body, attempt.target);
      to.respond(head.status, headers(), echo === "" ? body : createModelRewriter(echo)(body));
    },
    start: (to) => to.start(head.status, headers()),
  });
}
