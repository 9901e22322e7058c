/** Gives a plan its targets, with what routing wants to know of the request. */
import { type HeaderList, headerValue } from "../base/headers.ts";
import type { Exchange } from "../http/exchange.ts";
import { sessionKey } from "../routing/session-key.ts";
import type { LoopRequest } from "./candidates.ts";
import type { AliasState, Core } from "./core.ts";
import type { Delivery } from "./delivery.ts";
import { type LoopOwner, RequestLoop } from "./loop.ts";
import type { Plan } from "./plan.ts";
import type { RequestRecord } from "./record.ts";
import { type RequestFacts, readConversation } from "./request-facts.ts";
import { BodyNeed } from "./request-need.ts";
import type { Alias, Target } from "./target.ts";

/** A request that is to be sent to targets. */
export interface Planned {
  open(delivery: Delivery, owner: LoopOwner): RequestLoop;
}

/** Tokens an answer is taken to have where nothing is known. */
const DEFAULT_OUTPUT = 256;

export interface Asked {
  readonly alias: Alias;
  readonly targets: readonly Target[];
  readonly plan: Plan;
  readonly body: Buffer;
  /** null: the body is no JSON. */
  readonly facts: RequestFacts | null;
  /** Index of the target an id in the request belongs to; -1 = none. */
  readonly issuer: number;
}

export function openLoop(core: Core, record: RequestRecord, asked: Asked): Planned {
  const { alias, targets, plan, body, facts } = asked;
  const state = core.aliasState(alias, record.snapshot.config.routing.exploitK);
  // With one target there is nothing to choose: what only a choice needs is not worked out.
  const choice = targets.length > 1;
  const asksImages = choice && someTakesNoImages(targets);
  const need = new BodyNeed(body, facts, asksImages, choice || plan.stream);
  record.need = need;
  const conversation = choice && alias.sticky && facts !== null ? readConversation(body, facts) : null;
  const { headers } = record.exchange;
  const named = choice && mayNameSession(record.exchange);
  const { commit } = targets[0]?.timeouts ?? { commit: 0 };
  const request: LoopRequest = {
    targets,
    need,
    outputTokens: facts?.maxTokens ?? (alias.name === "" ? DEFAULT_OUTPUT : state.output.tokens),
    issuer: asked.issuer,
    affinity: named ? headerValue(headers, "x-session-affinity") : "",
    session:
      conversation === null
        ? null
        : sessionKey({
            alias: alias.name,
            caller: record.caller?.id ?? "",
            sessionHeader: named ? sessionHeader(headers) : "",
            promptCacheKey: facts?.promptCacheKey ?? "",
            userId: conversation.userId,
            body,
            texts: conversation.texts,
          }),
    continues: conversation?.continues ?? false,
  };
  return new PlannedLoop(core, record, plan, request, state, commit);
}

function someTakesNoImages(targets: readonly Target[]): boolean {
  for (let i = 0; i < targets.length; i++) if (targets[i]?.images === false) return true;
  return false;
}

/** A head that comes with many requests is looked through once. */
function mayNameSession({ headers, notes }: Exchange): boolean {
  if (notes === undefined) return namesSession(headers);
  notes.session ??= namesSession(headers);
  return notes.session;
}

/** One walk over the headers tells it, and most requests have none of them. */
function namesSession(headers: HeaderList): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    switch (headers[i]) {
      case "x-session-affinity":
      case "x-sluice-session":
      case "session_id":
      case "x-claude-code-session-id":
        return true;
    }
  }
  return false;
}

function sessionHeader(headers: HeaderList): string {
  return (
    headerValue(headers, "x-sluice-session") ||
    headerValue(headers, "session_id") ||
    headerValue(headers, "x-claude-code-session-id")
  );
}

/** A class, not a closure: a closure would keep the body as long as the answer runs. */
class PlannedLoop implements Planned {
  readonly #core: Core;
  readonly #record: RequestRecord;
  readonly #plan: Plan;
  readonly #request: LoopRequest;
  readonly #state: AliasState;
  readonly #commitMs: number;

  constructor(
    core: Core,
    record: RequestRecord,
    plan: Plan,
    request: LoopRequest,
    state: AliasState,
    commitMs: number,
  ) {
    this.#core = core;
    this.#record = record;
    this.#plan = plan;
    this.#request = request;
    this.#state = state;
    this.#commitMs = commitMs;
  }

  open(delivery: Delivery, owner: LoopOwner): RequestLoop {
    const plan = this.#plan;
    if (plan.stream) delivery.commitAfter(this.#commitMs, plan);
    return new RequestLoop(this.#core, this.#record, plan, delivery, this.#request, this.#state, owner);
  }
}
