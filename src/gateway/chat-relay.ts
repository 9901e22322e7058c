/** A chat relayed as it is, to a target that speaks the caller's protocol: bytes pass, spliced where the target needs it. */
import { headerValue } from "../base/headers.ts";
import { type Edit, editBytes } from "../base/json-edit.ts";
import type { KnownAnswers } from "../protocols/known-answers.ts";
import type { ConvertContext } from "../protocols/protocol.ts";
import type { BodyBytes, ResponseHead } from "../upstream/client.ts";
import { contentEncoding } from "../upstream/head-names.ts";
import { type HeadOptions, timesOf, writeHead, writeUntimed } from "./answer-head.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { Attempt } from "./attempt.ts";
import { completeChatBody } from "./body-additions.ts";
import { wholeAsStream } from "./chat-convert.ts";
import type { ChatState } from "./chat-state.ts";
import type { Delivery } from "./delivery.ts";
import { MAX_KEPT_TEXT } from "./event-writer.ts";
import { targetHeaders } from "./forwarded-headers.ts";
import { noteId, noteIds } from "./issued-ids.ts";
import { createModelRewriter } from "./model-rewriter.ts";
import { AS_IT_IS, type PreparedSend, type Rework } from "./plan.ts";
import { RelayStream, terminatorOf } from "./relay-stream.ts";
import type { Target } from "./target.ts";
import { watchWith } from "./watch-stream.ts";
import { WholeAnswer, type WholeOptions } from "./whole-answer.ts";

const HOLD_BYTES = 8 * 1024 * 1024;
const RAW = ["text/event-stream", "application/x-ndjson", "application/stream+json"];

/** Throws Failure (400). */
export function relayChat(state: ChatState, target: Target, path: string, rework: Rework): PreparedSend {
  return new RelaySend(state, target, path, rework);
}

class RelaySend implements PreparedSend {
  readonly method = "POST";
  readonly path: string;
  readonly headers: string;
  body: BodyBytes;
  readonly stream: boolean;
  readonly speaksCallers = true;
  readonly decodeError: PreparedSend["decodeError"];
  readonly #state: ChatState;
  readonly #target: Target;
  readonly #rework: Rework;
  #context: ConvertContext | null = null;

  constructor(state: ChatState, target: Target, path: string, rework: Rework) {
    const { client, facts, record } = state;
    const { headers } = record.exchange;
    const clientQuery = client.name === "gemini" && facts.jsonArray;
    this.#state = state;
    this.#target = target;
    this.#rework = rework;
    const edits = this.#edits();
    this.path = clientQuery ? path.replace("?alt=sse", "") : path;
    this.headers = targetHeaders(headers, target.provider);
    this.body = completeChatBody(editBytes(facts.body, edits), target, headers);
    this.stream = facts.stream;
    this.decodeError = client.decodeError;
  }

  /** Made when something looks at it: of a body whose edits are known nothing need be asked. */
  get context(): ConvertContext {
    this.#context ??= this.#state.context(this.#target, this.#rework);
    return this.#context;
  }

  #edits(): readonly Edit[] {
    const { client, core, facts, record } = this.#state;
    const target = this.#target;
    if (!isByFrame(this.#state, target, this.#rework))
      return client.passThroughEdits(facts.body, this.context);
    const { frame, longer } = facts;
    const capability = core.claudeModels.capabilityOf(target);
    const known = frame?.recall(target, capability, longer) ?? null;
    if (known !== null) {
      record.forgetWarnings(target.label);
      return known;
    }
    const edits = client.passThroughEdits(facts.body, this.context);
    if (!record.hasWarnings(target.label)) frame?.keep(target, capability, longer, edits);
    return edits;
  }

  createReader(attempt: Attempt, head: ResponseHead): AnswerReader {
    return this.stream
      ? relayStream(this.#state, attempt, head, this)
      : new WholeAnswer(attempt, new RelayedWhole(this.#state, attempt, head));
  }

  watcher(): PreparedSend["createReader"] {
    const { client, facts } = this.#state;
    return watchWith(client, facts.jsonArray);
  }
}

/**
 * Whether what changes of a body for this target follows from its frame. Where other protocols look up what was noted of
 * earlier answers, or something was learned of this target, or a mark of ours is to be taken out, it does not.
 */
function isByFrame({ client, core, facts }: ChatState, target: Target, rework: Rework): boolean {
  return (
    facts.frame !== null &&
    client.name === "openai-chat" &&
    rework === AS_IT_IS &&
    !facts.frame.carrier &&
    core.refusedMembers(target).length === 0
  );
}

function relayStream(
  state: ChatState,
  attempt: Attempt,
  head: ResponseHead,
  send: { readonly context: ConvertContext },
): AnswerReader {
  const { client, facts, record } = state;
  const type = headerValue(head.headers, "content-type");
  // A stream was asked for and a whole answer came (an old server, or an error in a 200).
  if (type.includes("application/json") && !facts.jsonArray)
    return wholeAsStream(state, attempt, head, client, send.context, []);
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

class RelayedWhole implements WholeOptions {
  readonly #state: ChatState;
  readonly #attempt: Attempt;
  readonly #head: ResponseHead;
  #body: Buffer | null = null;

  constructor(state: ChatState, attempt: Attempt, head: ResponseHead) {
    this.#state = state;
    this.#attempt = attempt;
    this.#head = head;
  }

  get holdBytes(): number {
    return HOLD_BYTES;
  }

  get mustHold(): boolean {
    return false;
  }

  get json(): boolean {
    return true;
  }

  get decodeError(): WholeOptions["decodeError"] {
    return this.#state.client.decodeError;
  }

  get readUsage(): WholeOptions["readUsage"] {
    return this.#state.client.readUsage;
  }

  get usageCounts(): WholeOptions["usageCounts"] {
    return this.#state.client.usageCounts;
  }

  get known(): KnownAnswers {
    return this.#attempt.target.provider.answers;
  }

  read(body: Buffer): this {
    this.#body = body;
    return this;
  }

  writeTo(to: Delivery): void {
    const body = this.#body;
    if (body === null) return;
    this.#body = null;
    const { core, record, echo } = this.#state;
    const attempt = this.#attempt;
    noteIds(core, record, body, attempt.target);
    const shown = echo === "" ? body : createModelRewriter(echo)(body);
    const times = timesOf(record, attempt, core.time.clock);
    const headers = writeUntimed(record, attempt, this.#head, this.#options());
    to.respondTimed(this.#head.status, headers, shown, times);
  }

  start(to: Delivery): void {
    const { core, record } = this.#state;
    to.start(
      this.#head.status,
      writeHead(record, this.#attempt, this.#head, core.time.clock, this.#options()),
    );
  }

  #options(): HeadOptions {
    if (contentEncoding(this.#head) === "") return AS_IT_CAME;
    const contentType = headerValue(this.#head.headers, "content-type") || "application/json";
    return { sameBody: false, contentType, stream: false };
  }
}

const AS_IT_CAME: HeadOptions = { sameBody: true, contentType: "", stream: false };
