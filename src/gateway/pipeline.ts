/** The order of steps of a request, written once. Each step says why it stands where it stands (50-governance.md). */
import { readCredentials } from "../auth/credential.ts";
import { badRequest, Failure, toFailure } from "../base/failure.ts";
import { headerValue } from "../base/headers.ts";
import type { Exchange } from "../http/exchange.ts";
import type { ClientRoute } from "../http/routes.ts";
import { estimateRequest } from "../protocols/estimate.ts";
import { asksForUsage } from "../protocols/openai-chat/pass-through.ts";
import { protocolNamed } from "../protocols/registry.ts";
import { isPermitted } from "../routing/capability.ts";
import { sessionKey } from "../routing/session-key.ts";
import { collectBody } from "./body.ts";
import { ChatPlan } from "./chat-plan.ts";
import type { Core } from "./core.ts";
import { Delivery } from "./delivery.ts";
import type { Origination } from "./gateway.ts";
import { RequestLoop } from "./loop.ts";
import type { Plan } from "./plan.ts";
import { RequestRecord } from "./record.ts";
import { refusal } from "./refusal.ts";
import { holdsImages, type RequestFacts, readConversation, readFacts } from "./request-facts.ts";
import type { Session } from "./runtime.ts";
import { finalStatus, settle } from "./settle.ts";
import type { Alias, Target } from "./target.ts";

/** Spare room in front of a body (80-performance.md 3). */
const HEADROOM = 64;
/** Tokens an answer is taken to have where nothing is known. */
const DEFAULT_OUTPUT = 256;

export function serveRequest(
  core: Core,
  session: Session,
  exchange: Exchange,
  route: ClientRoute,
  from: Origination,
): void {
  const { snapshot } = session;
  const record = new RequestRecord(
    exchange,
    from,
    route.protocol,
    route.operation,
    snapshot,
    core.time.clock.now(),
  );
  core.totals.requests++;
  core.totals.active++;
  const protocol = protocolNamed(route.protocol);
  let loop: RequestLoop | null = null;
  let streams = false;
  const finish = () => {
    if (streams) session.streams.leave(from.address);
    // A client that goes ends the loop and the request: both come here.
    streams = false;
    session.running.delete(record);
    settle(core, record, delivery, finalStatus(record, delivery));
  };
  const delivery = new Delivery({
    exchange,
    time: core.time,
    onGone: () => {
      loop?.cancel();
      finish();
    },
  });
  const refuse = (thrown: unknown) => {
    const failure = toFailure(thrown);
    if (failure.kind === "internal")
      core.log.error({ err: failure.cause }, "a request failed inside the gateway");
    record.failure = failure;
    if (!delivery.done) {
      const answer = refusal(protocol, failure, record);
      delivery.respond(answer.status, answer.headers, answer.body);
    }
    finish();
  };

  try {
    // Who calls comes before anything is read: a stranger costs no memory.
    const credentials = readCredentials(exchange.headers, exchange.query);
    record.caller = session.authenticator.authenticate(
      credentials,
      from.address,
      placeOf(from),
      core.time.clock.wall(),
    );
    if (session.draining) throw SHUTTING_DOWN;
    if (answerWithoutBody(core, session, record, route, delivery)) {
      finish();
      return;
    }
    session.running.set(record, () => loop?.cancel());
    // The permit is taken by the declared length before a byte is read.
    collectBody(
      exchange,
      {
        maxBytes: snapshot.config.limits.maxRequestBytes,
        headroom: HEADROOM,
        admit: core.memory.admit,
        release: core.memory.release,
      },
      (result) => {
        if (record.ended) {
          if (!(result instanceof Failure)) result.release();
          return;
        }
        if (result instanceof Failure) {
          refuse(result);
          return;
        }
        record.holdBody(() => result.release());
        record.bodyAt = core.time.clock.now();
        const body = result.buffer.subarray(result.start, result.end);
        record.bytesIn = body.length;
        try {
          const planned = planRequest(core, session, record, route, body);
          if (record.stream) {
            streams = session.streams.join(from.address, snapshot.config.limits.maxStreamsPerClient);
            if (!streams) throw TOO_MANY_STREAMS;
          }
          loop = planned.open(delivery, finish);
          loop.start();
        } catch (thrown) {
          refuse(thrown);
        }
      },
    );
  } catch (thrown) {
    refuse(thrown);
  }
}

interface Planned {
  open(delivery: Delivery, onEnd: () => void): RequestLoop;
}

/** From the body to the plan: the model decides who may be asked, before anybody is. */
function planRequest(
  core: Core,
  session: Session,
  record: RequestRecord,
  route: ClientRoute,
  body: Buffer,
): Planned {
  const protocol = protocolNamed(route.protocol);
  const facts = readFacts(body);
  record.model = route.model === "" ? facts.model : route.model;
  record.stream = route.stream ?? facts.stream ?? route.protocol === "ollama";
  if (record.model === "") throw badRequest('"model" is missing', "missing_model", "model");
  const alias = resolveAlias(session, record);
  record.alias = alias;
  const targets = permittedTargets(record, alias);
  const jsonArray =
    route.protocol === "gemini" && record.stream && !record.exchange.query.includes("alt=sse");
  const plan = new ChatPlan(core, record, protocol, {
    body,
    stream: record.stream,
    showUsage: route.protocol === "openai-chat" && asksForUsage(body, facts.streamOptions),
    jsonArray,
  });
  return openLoop(core, record, alias, targets, plan, body, facts);
}

/** Gives the plan its targets, with what routing wants to know of the request. */
export function openLoop(
  core: Core,
  record: RequestRecord,
  alias: Alias,
  targets: readonly Target[],
  plan: Plan,
  body: Buffer,
  facts: RequestFacts | null,
): Planned {
  const state = core.aliasState(alias, record.snapshot.config.routing.exploitK);
  // With one target there is nothing to choose: what only a choice needs is not worked out.
  const choice = targets.length > 1;
  record.promptTokens = choice || plan.stream ? estimateRequest(body) : 0;
  const conversation = choice && alias.sticky && facts !== null ? readConversation(body, facts.scan) : null;
  const { headers } = record.exchange;
  return {
    open(delivery, onEnd) {
      if (plan.stream) {
        delivery.commitAfter(
          targets[0]?.timeouts.commit ?? 0,
          () => plan.streamHead(),
          () => plan.ping(),
        );
      }
      return new RequestLoop(
        core,
        record,
        plan,
        delivery,
        {
          targets,
          need: {
            promptTokens: record.promptTokens,
            tools: facts?.tools ?? false,
            images: choice && holdsImages(body),
            jsonSchema: facts?.jsonSchema ?? false,
          },
          outputTokens: facts?.maxTokens ?? (alias.name === "" ? DEFAULT_OUTPUT : state.output.tokens),
          issuer: -1,
          affinity: choice ? headerValue(headers, "x-session-affinity") : "",
          sessionKey:
            conversation === null
              ? ""
              : sessionKey({
                  alias: alias.name,
                  caller: record.caller?.id ?? "",
                  sessionHeader:
                    headerValue(headers, "x-sluice-session") ||
                    headerValue(headers, "session_id") ||
                    headerValue(headers, "x-claude-code-session-id"),
                  promptCacheKey: facts?.promptCacheKey ?? "",
                  userId: conversation.userId,
                  system: conversation.system,
                  firstUserTurn: conversation.firstUserTurn,
                }),
          continues: conversation?.continues ?? false,
        },
        state,
        onEnd,
      );
    },
  };
}

/** The alias a model name stands for, if this caller may use it. Throws Failure 404 or 403. */
export function resolveAlias(session: Session, record: RequestRecord): Alias {
  const { snapshot } = record;
  const { caller } = record;
  const name = record.protocol === "ollama" ? record.model.replace(/:latest$/, "") : record.model;
  const alias = snapshot.resolve(record.model) ?? (name === record.model ? null : snapshot.resolve(name));
  const allowed = caller?.models ?? [];
  if (alias === null) {
    const usable = snapshot.aliases
      .map((known) => known.name)
      .filter((known) => allowed.length === 0 || allowed.includes(known));
    const list = usable.length === 0 ? "none" : usable.slice(0, 50).join(", ");
    throw new Failure(
      "not_found",
      `the model "${record.model.slice(0, 200)}" is not known here; you may use: ${list}`,
      {
        code: "model_not_found",
        param: "model",
      },
    );
  }
  void session;
  if (allowed.length > 0 && !allowed.includes(alias.name) && !allowed.includes(record.model)) {
    throw new Failure("forbidden", `this key may not use "${record.model.slice(0, 200)}"`, {
      code: "model_not_allowed",
      param: "model",
    });
  }
  return alias;
}

export function permittedTargets(record: RequestRecord, alias: Alias): readonly Target[] {
  const permission = { privateOnly: alias.privateOnly, providers: record.caller?.providers ?? [] };
  const targets = alias.targets.filter((target) =>
    isPermitted({ provider: target.provider.name, isPrivate: target.provider.private }, permission),
  );
  if (targets.length > 0) return targets.length === alias.targets.length ? alias.targets : targets;
  const why =
    alias.targets.length === 0
      ? `no provider of "${record.model}" is switched on (is its API key set?)`
      : `none of the targets of "${record.model}" is permitted for this request`;
  throw new Failure("overloaded", why, { code: "no_target", retryAfterMs: 30_000 });
}

function answerWithoutBody(
  _core: Core,
  _session: Session,
  _record: RequestRecord,
  _route: ClientRoute,
  _delivery: Delivery,
): boolean {
  return false;
}

export function placeOf(from: Origination): "loopback" | "lan" | "other" {
  return from.scope === "remote" ? "other" : from.scope;
}

export const SHUTTING_DOWN = new Failure("overloaded", "the gateway is shutting down", {
  code: "shutting_down",
  retryAfterMs: 1000,
  headers: ["connection", "close"],
});

const TOO_MANY_STREAMS = new Failure(
  "rate_limit",
  "too many streams of this client are open (limits.max_streams_per_client)",
  { code: "too_many_streams", retryAfterMs: 1000 },
);
