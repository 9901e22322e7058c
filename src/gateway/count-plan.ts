/** Token counting: asked of a target with a counter of its own, else estimated here (40-protocols.md 1.9). */
import { applyEdits, insertMembers } from "../base/json-edit.ts";
import { scanObject } from "../base/json-scan.ts";
import type { ClientRoute } from "../http/route.ts";
import { openBody } from "../protocols/body.ts";
import type { CountProtocol, CountProtocolName } from "../protocols/count/count.ts";
import { countProtocols } from "../protocols/count/registry.ts";
import { estimateRequest } from "../protocols/estimate.ts";
import type { ProtocolName } from "../protocols/protocol.ts";
import { protocolNamed } from "../protocols/registry.ts";
import { mergeExtra } from "./body-additions.ts";
import { convertContext } from "./convert-context.ts";
import type { Core } from "./core.ts";
import { targetHeaders } from "./forwarded-headers.ts";
import { answerAtOnce, type Immediate } from "./immediate.ts";
import type { Plan, PreparedSend } from "./plan.ts";
import type { RequestRecord } from "./record.ts";
import type { Target } from "./target.ts";
import { trouble } from "./trouble.ts";
import { WholeAnswer } from "./whole-answer.ts";
import { convertedHead, endpointPath, relayAnswer, wholePlan } from "./whole-plan.ts";

/** The header that says that nobody counted. */
const ESTIMATED = ["x-sluice-estimate", "1"];

/** `targets` are those of the plan: the ones that can count. */
export interface CountPlan {
  readonly plan: Plan;
  readonly targets: readonly Target[];
}

/** Without a target that can count the estimate is the answer. Throws Failure 400 when the body is none. */
export function planCount(
  core: Core,
  record: RequestRecord,
  route: ClientRoute,
  body: Buffer,
  targets: readonly Target[],
): CountPlan | Immediate {
  const client = protocolNamed(route.protocol);
  const own = countProtocols[route.protocol as CountProtocolName];
  const estimate = () => answerAtOnce(record, own.encodeCount(estimateRequest(body)), ESTIMATED);
  const counting = targets.filter((target) => counterOf(target, route.protocol) !== null);
  if (counting.length === 0) return estimate();

  const relay = (target: Target, path: string): PreparedSend => {
    const context = convertContext(core, record, target);
    const edited = applyEdits(body, client.passThroughEdits(body, context));
    return {
      method: "POST",
      path,
      headers: targetHeaders(record.exchange.headers, target.provider),
      body: mergeExtra(withModel(edited, target), target),
      stream: false,
      speaksCallers: true,
      decodeError: client.decodeError,
      createReader: relayAnswer(core, record, client),
    };
  };

  const convert = (target: Target, path: string, counter: CountProtocol): PreparedSend => {
    const opened = openBody(body, client.rawMembers, core.time.random);
    const warn = (code: string, field: string) => record.warn(code, field);
    const request = client.decodeRequest(own.toChatRequest(opened.doc), {
      model: record.model,
      stream: false,
      large: opened.large,
      carriers: core.carriers,
      warn,
    });
    const upstream = protocolNamed(counter.chat);
    const context = convertContext(core, record, target, { large: opened.large });
    const encoded = upstream.encodeRequest({ ...request, model: target.model, stream: false }, context);
    return {
      method: "POST",
      path,
      headers: targetHeaders(record.exchange.headers, target.provider),
      body: mergeExtra(withModel(counter.fromChatBody(encoded.body, target.model), target), target),
      stream: false,
      decodeError: upstream.decodeError,
      createReader: (attempt, head) =>
        new WholeAnswer(attempt, {
          holdBytes: record.snapshot.config.limits.maxResponseBytes,
          mustHold: true,
          json: true,
          decodeError: upstream.decodeError,
          readUsage: () => null,
          read: (answer) => {
            const tokens = readCount(answer, counter);
            if (tokens === null)
              return trouble("not_its_type", "the answer holds no count", { afterHead: true });
            const text = own.encodeCount(tokens);
            return (to) => to.respond(200, convertedHead(core, record, attempt, head), text);
          },
          start() {},
        }),
    };
  };

  const plan = wholePlan(client, record, {
    endpoint: "count",
    prepare(target) {
      const name = counterOf(target, route.protocol) ?? route.protocol;
      const path = endpointPath(target, { operation: "count", protocol: name });
      return name === route.protocol
        ? relay(target, path)
        : convert(target, path, countProtocols[name as CountProtocolName]);
    },
    refuse(failure) {
      // Servers that imitate a vendor often lack its counter.
      if (failure.kind !== "not_found") return null;
      record.failure = null;
      return estimate();
    },
  });
  return { plan, targets: counting };
}

/** The protocol this target counts in, the caller's own first; null = it has no counter. */
function counterOf(target: Target, wanted: ProtocolName): ProtocolName | null {
  const { kind, facts } = target.provider;
  const able = kind.speaks(facts, target.model).filter((name) => name in countProtocols);
  return able.includes(wanted) ? wanted : (able[0] ?? null);
}

/** Vertex's counter for Claude has one path for all models: there the body names it (40-protocols.md 5). */
function withModel(pieces: readonly Uint8Array[], target: Target): readonly Uint8Array[] {
  const { kind, facts } = target.provider;
  if (kind.name !== "vertex_ai" || !kind.speaks(facts, target.model).includes("anthropic")) return pieces;
  const body = Buffer.concat(pieces);
  const scan = scanObject(body, null);
  return applyEdits(body, insertMembers(scan, [{ name: "model", json: JSON.stringify(target.model) }]));
}

function readCount(body: Buffer, counter: CountProtocol): number | null {
  try {
    return counter.decodeCount(JSON.parse(body.toString("utf8")));
  } catch {
    return null; // told as an answer without a count
  }
}
