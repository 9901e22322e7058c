/** From route and body to a plan: the model decides who may be asked, before anybody is. */
import { badRequest, Failure } from "../base/failure.ts";
import { headerValue } from "../base/headers.ts";
import { findMember, isString, parseValue } from "../base/json-scan.ts";
import { defaultProvider } from "../config/effective.ts";
import type { ClientRoute } from "../http/route.ts";
import { openBody } from "../protocols/body.ts";
import { writeLoadAnswer } from "../protocols/ollama/response.ts";
import { isLoadRequest } from "../protocols/ollama/types.ts";
import { asksForUsage } from "../protocols/openai-chat/pass-through.ts";
import { protocolNamed } from "../protocols/registry.ts";
import type { Operation } from "../providers/provider.ts";
import { ChatPlan } from "./chat-plan.ts";
import { ChatState } from "./chat-state.ts";
import type { Core } from "./core.ts";
import { planCount } from "./count-plan.ts";
import { planEmbed } from "./embed-plan.ts";
import { answerAtOnce, type Immediate } from "./immediate.ts";
import { pinnedTarget } from "./issued-ids.ts";
import { compactTargets, issuerAlias, planCompact, planItem } from "./item-plan.ts";
import { permittedTargets, resolveAlias } from "./model-access.ts";
import { answerShow } from "./model-list.ts";
import { boundaryOf, findField, replaceField } from "./multipart.ts";
import { openLoop, type Planned } from "./open-loop.ts";
import type { Plan } from "./plan.ts";
import type { RequestRecord } from "./record.ts";
import { RelayPlan } from "./relay-plan.ts";
import { type RequestFacts, readFacts } from "./request-facts.ts";
import { planRerank } from "./rerank-plan.ts";
import type { Alias, Target } from "./target.ts";

export type Dispatched = Planned | Immediate;

/** Throws Failure for what the caller did wrong. */
export function dispatch(core: Core, record: RequestRecord, route: ClientRoute, body: Buffer): Dispatched {
  switch (route.operation) {
    case "responses-item":
      return dispatchItem(core, record, route, body);
    case "complete":
    case "moderations":
    case "images":
    case "audio":
      return dispatchRelay(core, record, route, route.operation, body);
    case "ollama-show":
      record.model = readShown(body);
      return answerShow(core, record);
  }
  const facts = core.knownBodies.read(body);
  // A model in the path (Gemini, Azure's deployments) outranks the body's.
  record.model = route.model === "" ? facts.model : route.model;
  if (record.model === "") throw missingModel();
  const alias = resolveAlias(record);
  record.alias = alias;
  const targets = permittedTargets(record, alias);
  const open = (plan: Plan | Immediate, asked: readonly Target[] = targets, issuer = -1): Dispatched =>
    "prepare" in plan ? openLoop(core, record, { alias, targets: asked, plan, body, facts, issuer }) : plan;

  switch (route.operation) {
    case "embed":
    case "embed-batch":
    case "embed-one":
      return open(planEmbed(core, record, route, body, facts));
    case "rerank":
      return open(planRerank(core, record, route, body, facts));
    case "count": {
      const counted = planCount(core, record, route, body, targets);
      return "plan" in counted ? open(counted.plan, counted.targets) : counted;
    }
    case "compact":
      return open(planCompact(core, record, body), compactTargets(targets));
    default:
      return dispatchChat(core, record, route, body, facts, alias, targets);
  }
}

function dispatchChat(
  core: Core,
  record: RequestRecord,
  route: ClientRoute,
  body: Buffer,
  facts: RequestFacts,
  alias: Alias,
  permitted: readonly Target[],
): Dispatched {
  let targets = permitted;
  record.stream = route.stream ?? facts.stream ?? route.protocol === "ollama";
  if (route.protocol === "ollama" && asksToLoad(core, record, body, facts)) {
    const native = targets.filter(({ provider, model }) =>
      provider.kind.speaks(provider.facts, model).includes("ollama"),
    );
    if (native.length === 0) {
      const seconds = core.time.clock.wall() / 1000;
      const endpoint = route.operation === "generate" ? "generate" : "chat";
      return answerAtOnce(record, writeLoadAnswer(record.model, endpoint, seconds));
    }
    targets = native;
  }
  const protocol = protocolNamed(route.protocol);
  const asked = {
    body,
    stream: record.stream,
    showUsage: route.protocol === "openai-chat" && asksForUsage(body, facts.streamOptions),
    jsonArray:
      route.protocol === "gemini" && record.stream && !/(?:^|&)alt=sse(?:&|$)/.test(record.exchange.query),
    rest: route.operation === "generate" ? "/generate" : "",
    tools: facts.tools,
    frame: facts.frame,
    longer: facts.longer,
  };
  const plan = new ChatPlan(new ChatState(core, record, protocol, asked, facts));
  const issuer = pinnedTarget(core, record, body, facts, targets);
  return openLoop(core, record, { alias, targets, plan, body, facts, issuer });
}

function dispatchItem(core: Core, record: RequestRecord, route: ClientRoute, body: Buffer): Dispatched {
  const alias = issuerAlias(core, record, route.item);
  record.alias = alias;
  const plan = planItem(core, record, route, body);
  const targets = permittedTargets(record, alias);
  return openLoop(core, record, { alias, targets, plan, body, facts: null, issuer: -1 });
}

/** What passes as it is, JSON or a form; without a model it goes to the default provider where the protocol lets it be absent. */
function dispatchRelay(
  core: Core,
  record: RequestRecord,
  route: ClientRoute,
  operation: Operation,
  body: Buffer,
): Dispatched {
  const boundary = boundaryOf(headerValue(record.exchange.headers, "content-type"));
  const facts = boundary === "" ? readFacts(body) : null;
  const field = boundary === "" ? undefined : findField(body, boundary, "model");
  const formText = (found: typeof field) =>
    found === undefined ? "" : body.toString("utf8", found.start, Math.min(found.end, found.start + 512));
  record.model = facts === null ? formText(field) : facts.model;
  record.stream =
    facts === null ? formText(findField(body, boundary, "stream")) === "true" : (facts.stream ?? false);
  const alias = record.model === "" ? aliasWithoutModel(record, operation) : resolveAlias(record);
  record.alias = alias;
  const plan = new RelayPlan(core, record, {
    operation,
    rest: route.action,
    body,
    facts,
    replaceModel: field === undefined ? null : (form, model) => replaceField(form, field, model),
  });
  const targets = permittedTargets(record, alias);
  return openLoop(core, record, { alias, targets, plan, body, facts, issuer: -1 });
}

/** `[routing].default_provider`, asked without a model. Throws Failure 400 or 403. */
function aliasWithoutModel(record: RequestRecord, operation: Operation): Alias {
  const provider = defaultProvider(record.snapshot.config);
  const alias = provider === null ? null : record.snapshot.direct(provider.name, "");
  if (alias === null || (operation !== "images" && operation !== "moderations")) throw missingModel();
  if ((record.caller?.models.length ?? 0) > 0) {
    throw new Failure("forbidden", "this key must name one of its models", {
      code: "model_not_allowed",
      param: "model",
    });
  }
  return alias;
}

/** Cheap to see in nearly all requests: something is asked. Only what looks empty is opened. */
function asksToLoad(core: Core, record: RequestRecord, body: Buffer, facts: RequestFacts): boolean {
  const list = findMember(facts.scan, "messages");
  if (list !== undefined && list.end - list.start > 2) return false;
  const prompt = findMember(facts.scan, "prompt");
  if (prompt !== undefined && !isString(body, prompt, "")) return false;
  const ollama = protocolNamed("ollama");
  const { doc, large } = openBody(body, ollama.rawMembers, core.time.random);
  const { carriers } = core;
  return isLoadRequest(
    ollama.decodeRequest(doc, { model: record.model, stream: false, large, carriers, warn() {} }),
  );
}

/** `/api/show` names its model in `model`, in older clients in `name`. Throws Failure 400. */
function readShown(body: Buffer): string {
  const facts = readFacts(body);
  const older = findMember(facts.scan, "name");
  const named = older !== undefined && body[older.start] === 0x22 ? String(parseValue(body, older)) : "";
  const name = facts.model || named;
  if (name === "") throw missingModel();
  return name;
}

function missingModel(): Failure {
  return badRequest('"model" is missing', "missing_model", "model");
}
