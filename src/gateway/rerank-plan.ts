/** Reranking: relayed to targets of the caller's dialect, converted for the others; no chat model stands in for one. */
import { randomUUID } from "node:crypto";
import { applyEdits, insertMembers, replaceValue } from "../base/json-edit.ts";
import { findMember } from "../base/json-scan.ts";
import type { ClientRoute } from "../http/route.ts";
import { openBody } from "../protocols/body.ts";
import type { ProtocolName } from "../protocols/protocol.ts";
import { protocolNamed } from "../protocols/registry.ts";
import { rerankProtocols } from "../protocols/rerank/registry.ts";
import type { RerankProtocolName } from "../protocols/rerank/rerank.ts";
import { mergeExtra } from "./body-additions.ts";
import type { Core } from "./core.ts";
import { targetHeaders } from "./forwarded-headers.ts";
import type { Plan, PreparedSend } from "./plan.ts";
import type { RequestRecord } from "./record.ts";
import type { RequestFacts } from "./request-facts.ts";
import type { Target } from "./target.ts";
import { trouble } from "./trouble.ts";
import { WholeAnswer } from "./whole-answer.ts";
import { convertedHead, endpointPath, lacksEndpoint, relayAnswer, wholePlan } from "./whole-plan.ts";

/** OpenAI-compatible servers rerank in Jina's shape (vLLM, Jina itself). */
const DIALECTS: Readonly<Partial<Record<ProtocolName, RerankProtocolName>>> = {
  cohere: "cohere",
  "cohere-v1": "cohere-v1",
  "openai-chat": "jina",
};

export function planRerank(
  core: Core,
  record: RequestRecord,
  route: ClientRoute,
  body: Buffer,
  facts: RequestFacts,
): Plan {
  const client = protocolNamed(route.protocol);
  const dialect = rerankProtocols[DIALECTS[route.protocol] ?? "cohere"];
  let opened: {
    readonly request: ReturnType<typeof dialect.decodeRequest>;
    readonly large: OpenedLarge;
  } | null = null;
  const open = () => {
    if (opened === null) {
      const { doc, large } = openBody(body, [], core.time.random);
      opened = { request: dialect.decodeRequest(doc, { large }), large };
    }
    return opened;
  };

  const relay = (target: Target, path: string): PreparedSend => {
    const member = findMember(facts.scan, "model");
    const name = JSON.stringify(target.model);
    const edits =
      member === undefined
        ? insertMembers(facts.scan, [{ name: "model", json: name }])
        : [replaceValue(member, name)];
    return {
      method: "POST",
      path,
      headers: targetHeaders(record.exchange.headers, target.provider),
      body: mergeExtra(applyEdits(body, edits), target),
      stream: false,
      speaksCallers: true,
      decodeError: client.decodeError,
      createReader: relayAnswer(core, record, client),
    };
  };

  const convert = (target: Target, path: string, spoken: ProtocolName): PreparedSend => {
    const upstream = rerankProtocols[DIALECTS[spoken] ?? "cohere"];
    const { request, large } = open();
    const { decodeError, readUsage } = protocolNamed(spoken);
    return {
      method: "POST",
      path,
      headers: targetHeaders(record.exchange.headers, target.provider),
      body: mergeExtra(upstream.encodeRequest(request, { model: target.model, large }), target),
      stream: false,
      decodeError,
      createReader: (attempt, head) =>
        new WholeAnswer(attempt, {
          holdBytes: record.snapshot.config.limits.maxResponseBytes,
          mustHold: true,
          json: true,
          decodeError,
          readUsage,
          read: (answer) => {
            try {
              const response = upstream.decodeResponse(JSON.parse(answer.toString("utf8")), request);
              const model = response.model || target.model;
              const text = dialect.encodeResponse(response, { request, model, id: randomUUID(), large });
              return (to) => to.respond(200, convertedHead(core, record, attempt, head), text);
            } catch (thrown) {
              const message = thrown instanceof Error ? thrown.message : String(thrown);
              return trouble("not_its_type", message, { afterHead: true });
            }
          },
          start() {},
        }),
    };
  };

  return wholePlan(client, record, {
    endpoint: "rerank",
    prepare(target) {
      const { kind, facts: provider } = target.provider;
      const spoken = kind.speaks(provider, target.model).filter((name) => DIALECTS[name] !== undefined);
      const name = spoken.includes(route.protocol) ? route.protocol : spoken[0];
      if (name === undefined) throw lacksEndpoint(target, "rerank");
      const path = endpointPath(target, { operation: "rerank", protocol: name });
      return DIALECTS[name] === dialect.name ? relay(target, path) : convert(target, path, name);
    },
  });
}

type OpenedLarge = ReturnType<typeof openBody>["large"];
