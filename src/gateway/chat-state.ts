/** What the two ways of putting a chat to a target share: the caller's request, opened once, and what was delivered of its answer. */
import { type ObjectScan, scanObject } from "../base/json-scan.ts";
import { type OpenedBody, openBody } from "../protocols/body.ts";
import type { ChatRequest } from "../protocols/neutral.ts";
import type { ChatProtocol, ConvertContext, LargeStrings } from "../protocols/protocol.ts";
import type { ResponseHead } from "../upstream/client.ts";
import { writeHead } from "./answer-head.ts";
import type { Attempt } from "./attempt.ts";
import { convertContext } from "./convert-context.ts";
import type { Core } from "./core.ts";
import type { EventWriter } from "./event-writer.ts";
import type { InlinedSources } from "./inline-sources.ts";
import type { Rework } from "./plan.ts";
import type { RequestRecord } from "./record.ts";
import type { RelayedStream } from "./relay-stream.ts";
import type { RequestFacts } from "./request-facts.ts";
import type { Target } from "./target.ts";
import { warnOrRefuse } from "./whole-plan.ts";

export interface ChatFacts {
  /** Empty once nobody needs it any more. */
  body: Buffer;
  readonly stream: boolean;
  readonly showUsage: boolean;
  /** Gemini without `alt=sse`. */
  readonly jsonArray: boolean;
  /** Which of the protocol's chat endpoints was asked, where it has several: Ollama's `/generate`; "" = its usual one. */
  readonly rest: string;
  /** The body defines tools. */
  readonly tools: boolean;
  readonly frame: RequestFacts["frame"];
  readonly longer: number;
}

export class ChatState {
  readonly core: Core;
  readonly record: RequestRecord;
  /** The caller's protocol. */
  readonly client: ChatProtocol;
  readonly facts: ChatFacts;
  /** The facts of the body, as far as the walk over it goes. */
  #walk: Pick<RequestFacts, "scan" | "turns"> | null;
  #scan: ObjectScan | null = null;
  /** What was delivered, for the end of a stream that breaks: as it came, or encoded here. */
  relayed: RelayedStream | null = null;
  writer: EventWriter | null = null;
  inlined: InlinedSources | null = null;
  #opened: OpenedBody | null = null;
  #request: ChatRequest | null = null;

  constructor(
    core: Core,
    record: RequestRecord,
    client: ChatProtocol,
    facts: ChatFacts,
    walk: Pick<RequestFacts, "scan" | "turns">,
  ) {
    this.core = core;
    this.record = record;
    this.client = client;
    this.facts = facts;
    this.#walk = walk;
  }

  /** The members of the body. */
  get scan(): ObjectScan {
    this.#scan ??= this.#walk?.scan ?? scanObject(this.facts.body, null);
    return this.#scan;
  }

  /** A stream is on its way: should its request be looked at once more, it is walked anew. */
  forgetScan(): void {
    this.#walk = null;
    this.#scan = null;
  }

  /** The caller's request, read once. Throws Failure (400). */
  decode(): { readonly request: ChatRequest; readonly opened: OpenedBody } {
    this.#opened ??= openBody(this.facts.body, this.client.rawMembers, this.core.time.random);
    this.#request ??= this.client.decodeRequest(this.#opened.doc, {
      model: this.record.model,
      stream: this.facts.stream,
      large: this.#opened.large,
      carriers: this.core.carriers,
      warn: (code, field) => warnOrRefuse(this.record, code, field),
    });
    return { request: this.#request, opened: this.#opened };
  }

  context(target: Target, rework: Rework): ConvertContext {
    return convertContext(this.core, this.record, target, {
      rework,
      scan: this.facts.body === NOTHING ? undefined : this.scan,
      turns: this.facts.body === NOTHING ? null : (this.#walk?.turns ?? null),
      opener: this,
    });
  }

  /** Opened only when something looks at it: most relayed bodies are never parsed. Never kept: it holds the body. */
  openLarge(): LargeStrings {
    return (this.#opened ?? this.decode().opened).large;
  }

  /** The model name to show for every answer; "" = the answer's own. */
  get echo(): string {
    return this.record.alias?.echoAlias === true ? this.record.model : "";
  }

  get clientType(): string {
    return this.facts.jsonArray ? "application/json" : this.client.streamContentType;
  }

  head(attempt: Attempt, head: ResponseHead, sameBody: boolean, contentType = this.clientType): string[] {
    return writeHead(this.record, attempt, head, this.core.time.clock, {
      sameBody,
      contentType,
      stream: this.facts.stream,
    });
  }

  /** Lets go of the body and of all that was read from it. */
  release(): void {
    this.facts.body = NOTHING;
    this.#walk = null;
    this.#scan = NOTHING_SCANNED;
    this.#opened = OPENED_NOTHING;
    this.#request = null;
    this.inlined?.release();
    this.inlined = null;
  }
}

const NOTHING = Buffer.alloc(0);
const NOTHING_SCANNED = scanObject(Buffer.from("{}"), null);
const OPENED_NOTHING = openBody(Buffer.from("{}"), [], { next: () => 0 });
