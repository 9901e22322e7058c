/** Lists of models, in the shape the caller's headers ask for: aliases first, then `provider/model` (20-http.md). */
import { headerValue } from "../base/headers.ts";
import type { ClientRoute } from "../http/route.ts";
import { effectiveCapability } from "../protocols/anthropic/catalog.ts";
import { writeAnthropicModel, writeAnthropicModels } from "../protocols/models/anthropic.ts";
import { writeGeminiModel, writeGeminiModels } from "../protocols/models/gemini.ts";
import type { ModelEntry } from "../protocols/models/model-entry.ts";
import { writeOpenaiModel, writeOpenaiModels } from "../protocols/models/openai.ts";
import { writePs, writeShow, writeTags, writeVersion } from "../protocols/ollama/models.ts";
import type { ProtocolName } from "../protocols/protocol.ts";
import type { Core } from "./core.ts";
import { answerAtOnce, type Immediate } from "./immediate.ts";
import { mayUse, permittedTargets, resolveAlias } from "./model-access.ts";
import type { RequestRecord } from "./record.ts";
import type { Alias } from "./target.ts";

/** The protocol a caller of `/v1/models` speaks, told from its headers (40-protocols.md 1.9). */
export function protocolOfCaller(route: ClientRoute, headers: readonly string[]): ProtocolName {
  if (route.protocol !== "openai-chat" || (route.operation !== "models" && route.operation !== "model"))
    return route.protocol;
  if (headerValue(headers, "anthropic-version") !== "") return "anthropic";
  return headerValue(headers, "x-goog-api-key") !== "" ? "gemini" : "openai-chat";
}

/** The answer to a request that needs no body; null when this is none. Throws Failure 404 or 403. */
export function answerModels(core: Core, record: RequestRecord, route: ClientRoute): Immediate | null {
  const { protocol } = record;
  switch (route.operation) {
    case "models": {
      const entries = listModels(core, record, /(?:^|&)usable=1(?:&|$)/.test(record.exchange.query));
      return answerAtOnce(record, writeList(protocol, entries));
    }
    case "model":
      record.model = route.model;
      return answerAtOnce(record, writeOne(protocol, findModel(core, record)));
    case "ollama-tags":
      return answerAtOnce(record, writeTags(listModels(core, record, false)));
    case "ollama-ps":
      // What can be asked now is what a caller of a local server would call loaded.
      return answerAtOnce(
        record,
        writePs(listModels(core, record, true), Math.floor(core.time.clock.wall() / 1000)),
      );
    case "ollama-version":
      return answerAtOnce(record, writeVersion());
    default:
      return null;
  }
}

/** `/api/show`: `record.model` is set. Throws Failure 404 or 403. */
export function answerShow(core: Core, record: RequestRecord): Immediate {
  return answerAtOnce(record, writeShow(findModel(core, record)));
}

function writeList(protocol: ProtocolName, entries: readonly ModelEntry[]): string {
  if (protocol === "anthropic") return writeAnthropicModels(entries);
  return protocol === "gemini" ? writeGeminiModels(entries) : writeOpenaiModels(entries);
}

function writeOne(protocol: ProtocolName, entry: ModelEntry): string {
  if (protocol === "anthropic") return writeAnthropicModel(entry);
  return protocol === "gemini" ? writeGeminiModel(entry) : writeOpenaiModel(entry);
}

function listModels(core: Core, record: RequestRecord, usableOnly: boolean): ModelEntry[] {
  const { snapshot, caller } = record;
  const entries: ModelEntry[] = [];
  const add = (id: string, alias: Alias) => {
    if (!mayUse(caller, id, id) || !isOpen(record, alias)) return;
    if (!usableOnly || hasUsableTarget(core, alias))
      entries.push(describe(core, id, alias, snapshot.loadedAt));
  };
  for (const alias of snapshot.aliases) add(alias.name, alias);
  for (const provider of snapshot.providers.values()) {
    for (const model of provider.models) {
      const alias = snapshot.direct(provider.name, model);
      if (alias !== null) add(`${provider.name}/${model}`, alias);
    }
  }
  return entries;
}

function findModel(core: Core, record: RequestRecord): ModelEntry {
  const alias = resolveAlias(record);
  permittedTargets(record, alias);
  const id = record.protocol === "ollama" ? record.model.replace(/:latest$/, "") : record.model;
  return describe(core, id, alias, record.snapshot.loadedAt);
}

/** False for an alias of which this caller may reach no target. */
function isOpen(record: RequestRecord, alias: Alias): boolean {
  const providers = record.caller?.providers ?? [];
  return providers.length === 0 || alias.targets.some(({ provider }) => providers.includes(provider.name));
}

function hasUsableTarget(core: Core, alias: Alias): boolean {
  const now = core.time.clock.now();
  return alias.targets.some(
    (target) => core.health.of(target.identity, now).admission(now, "chat").state !== "out",
  );
}

const EMBEDDING = /embed|(?:^|[/-])(?:bge|gte|e5|nomic|minilm)(?:[-_]|$)/i;
const RERANK = /rerank/i;
const THINKS = /(?:^|\/)(?:o\d|gpt-[5-9]|gemini-(?:2\.5|[3-9])|deepseek-r|qwq)/;

/** What is known of an alias is what is known of its first target. */
function describe(core: Core, id: string, alias: Alias, created: number): ModelEntry {
  const [first] = alias.targets;
  const model = first?.model ?? id;
  const takes = first === undefined ? {} : effectiveCapability(model, core.claudeModels.knownOf(first));
  const kind = RERANK.test(model) ? "rerank" : EMBEDDING.test(model) ? "embedding" : "chat";
  const context = first?.maxContext || takes.maxInputTokens;
  const output = takes.maxTokens;
  const vision = first?.images ?? takes.images;
  const thinking = THINKS.test(model) || (takes.thinkingTypes?.some((type) => type !== "disabled") ?? false);
  return {
    id,
    owner: alias.name === "" ? (first?.provider.name ?? "sluice") : "sluice",
    created,
    kind,
    ...(context === undefined ? {} : { contextTokens: context }),
    ...(output === undefined ? {} : { outputTokens: output }),
    ...(first?.tools === null || first?.tools === undefined ? {} : { tools: first.tools }),
    ...(vision === undefined ? {} : { vision }),
    ...(thinking ? { thinking } : {}),
  };
}
