/** What only an upstream that speaks Responses itself can do: stored responses by their id, and compaction. */
import { withoutKey } from "../auth/credential.ts";
import { Failure } from "../base/failure.ts";
import { applyEdits } from "../base/json-edit.ts";
import type { ClientRoute } from "../http/route.ts";
import { protocolNamed } from "../protocols/registry.ts";
import type { SpokenProtocol } from "../providers/provider.ts";
import { writeHead } from "./answer-head.ts";
import { mergeExtra } from "./body-additions.ts";
import { convertContext } from "./convert-context.ts";
import type { Core } from "./core.ts";
import { targetHeaders } from "./forwarded-headers.ts";
import { noteIds, ownerOf } from "./issued-ids.ts";
import type { Plan } from "./plan.ts";
import { RawAnswer } from "./raw-answer.ts";
import type { RequestRecord } from "./record.ts";
import type { Alias, Target } from "./target.ts";
import { lacksEndpoint, relayAnswer, wholePlan } from "./whole-plan.ts";

const RESPONSES = protocolNamed("openai-responses");
const SPOKEN: SpokenProtocol = "openai-responses";

/** The target that issued this id, as an alias of its own. Throws Failure 404: answers are not kept here. */
export function issuerAlias(core: Core, record: RequestRecord, id: string): Alias {
  const label = core.idPins.issuer(ownerOf(record), id, core.time.clock.now());
  const slash = label?.indexOf("/") ?? -1;
  const alias =
    label === undefined ? null : record.snapshot.direct(label.slice(0, slash), label.slice(slash + 1));
  if (alias === null) {
    throw new Failure(
      "not_found",
      `the response "${id.slice(0, 100)}" is not known: answers are kept by the provider that gave them, and this one was not given lately`,
      { code: "not_found" },
    );
  }
  return alias;
}

/** Relays a request about a stored response, whatever its method and answer. */
export function planItem(core: Core, record: RequestRecord, route: ClientRoute, body: Buffer): Plan {
  const { exchange } = record;
  return wholePlan(RESPONSES, record, {
    endpoint: "responses-item",
    idInPath: true,
    prepare(target) {
      const { kind, facts } = target.provider;
      const rest = `/${encodeURIComponent(route.item)}${route.action === "" ? "" : `/${route.action}`}`;
      const path = kind.path(facts, {
        operation: "responses-item",
        protocol: SPOKEN,
        model: target.model,
        stream: false,
        rest,
      });
      if (path === null) throw lacksEndpoint(target, "stored responses");
      const query = withoutKey(exchange.query);
      return {
        method: exchange.method,
        path: query === "" ? path : `${path}${path.includes("?") ? "&" : "?"}${query}`,
        headers: targetHeaders(exchange.headers, target.provider),
        body: body.length === 0 ? [] : [body],
        stream: false,
        speaksCallers: true,
        decodeError: RESPONSES.decodeError,
        createReader: (attempt, head) =>
          new RawAnswer(
            attempt,
            (to) => {
              if (exchange.method === "DELETE") core.idPins.forget(ownerOf(record), route.item);
              const options = { sameBody: true, contentType: "", stream: false };
              to.start(head.status, writeHead(record, attempt, head, core.time.clock, options));
            },
            true,
          ),
      };
    },
  });
}

/** Targets that can compact; the others know no such thing, and nothing here imitates it. */
export function compactTargets(targets: readonly Target[]): readonly Target[] {
  const able = targets.filter(({ provider, model }) =>
    provider.kind.speaks(provider.facts, model).includes(SPOKEN),
  );
  if (able.length > 0) return able;
  throw new Failure("not_found", "no target of this model serves /v1/responses/compact", {
    code: "not_found",
  });
}

export function planCompact(core: Core, record: RequestRecord, body: Buffer): Plan {
  return wholePlan(RESPONSES, record, {
    endpoint: "compact",
    prepare(target) {
      const { kind, facts } = target.provider;
      const call = { protocol: SPOKEN, model: target.model, stream: false, rest: "" } as const;
      const path = kind.path(facts, { ...call, operation: "compact" });
      if (path === null) throw lacksEndpoint(target, "compaction");
      const edits = RESPONSES.passThroughEdits(body, convertContext(core, record, target));
      return {
        method: "POST",
        path,
        headers: targetHeaders(record.exchange.headers, target.provider),
        body: mergeExtra(applyEdits(body, edits), target),
        stream: false,
        speaksCallers: true,
        decodeError: RESPONSES.decodeError,
        createReader: relayAnswer(core, record, RESPONSES, (answer, attempt) =>
          noteIds(core, record, answer, attempt.target),
        ),
      };
    },
  });
}
