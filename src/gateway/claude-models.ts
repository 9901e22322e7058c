/** What a target takes; of Claude models as their providers' own lists say: asked in the background, once a day, from the first request on. */
import type { Time } from "../base/clock.ts";
import { LruMap } from "../base/lru-map.ts";
import { effectiveCapability } from "../protocols/anthropic/catalog.ts";
import { capabilityNamed, readModelCapabilities } from "../protocols/anthropic/model-capabilities.ts";
import type { Capability } from "../protocols/protocol.ts";
import type { Log } from "../telemetry/log.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import { fetchSmall } from "../upstream/fetch-small.ts";
import type { Provider, Target } from "./target.ts";

export interface ClaudeModels {
  /**
   * What is declared of this target, then what its provider's list said of the model, then the catalog. Has the
   * provider asked when a day is over; never waits and never throws.
   */
  capabilityOf(target: Target): Capability;
  /** The same, without asking anybody. */
  knownOf(target: Target): Capability;
  /** Ends what is being asked; nothing is asked any more. */
  close(): void;
}

interface ClaudeModelsOptions {
  readonly time: Time;
  readonly upstream: UpstreamClient;
  readonly log: Log;
}

/** What one provider's list said. A new list makes a new map, which is how targets notice it. */
interface Listing {
  models: ReadonlyMap<string, Capability>;
  /** Monotonic milliseconds at which it may be asked again; Infinity while it is being asked. */
  nextAt: number;
}

const DAY_MS = 86_400_000;
/** After an answer that says nothing about the models (no connection, 5xx, 429). */
const AFTER_FAILURE_MS = 3_600_000;
const TIMEOUT_MS = 10_000;
const MAX_BYTES = 1024 * 1024;
const MAX_PROVIDERS = 512;
const NOTHING: ReadonlyMap<string, Capability> = new Map();

export function createClaudeModels(options: ClaudeModelsOptions): ClaudeModels {
  const { time, log } = options;
  const listings = new LruMap<Listing>(MAX_PROVIDERS);
  /** Targets are asked for with every request: what was put together for them is kept, with the list it came of. */
  const known = new WeakMap<Target, { readonly of: Listing["models"]; readonly capability: Capability }>();
  const aborter = new AbortController();

  const ask = async (provider: Provider, listing: Listing, path: string) => {
    let wait = AFTER_FAILURE_MS;
    try {
      const { models, status } = await fetchModels(options.upstream, provider, path, aborter.signal);
      if (models !== null) listing.models = models;
      if (status < 500 && status !== 429) wait = DAY_MS;
      log.debug({ provider: provider.name, status, models: models?.size ?? 0 }, "asked what its models take");
    } catch (thrown) {
      // The built-in catalog goes on answering.
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      log.debug({ provider: provider.name, reason }, "could not learn what its models take");
    }
    listing.nextAt = time.clock.now() + wait;
  };

  const merge = (target: Target, models: Listing["models"]): Capability => {
    const last = known.get(target);
    if (last !== undefined && last.of === models) return last.capability;
    const { kind, facts } = target.provider;
    const isClaude = kind.speaks(facts, target.model).includes("anthropic");
    const said = capabilityNamed(models, target.model);
    const capability = isClaude
      ? effectiveCapability(target.model, { ...said, ...target.capability })
      : target.capability;
    known.set(target, { of: models, capability });
    return capability;
  };

  return {
    capabilityOf(target) {
      const { provider } = target;
      const path = provider.kind.modelsPath?.(provider.facts);
      if (path === undefined) return merge(target, NOTHING);
      const now = time.clock.now();
      let listing = listings.get(provider.identity, now);
      if (listing === undefined) {
        listing = { models: NOTHING, nextAt: now };
        listings.set(provider.identity, listing, now);
      }
      if (now >= listing.nextAt && !aborter.signal.aborted) {
        listing.nextAt = Number.POSITIVE_INFINITY;
        const due = listing;
        // Not before the request that asks has been sent.
        queueMicrotask(() => void ask(provider, due, path));
      }
      return merge(target, listing.models);
    },
    knownOf(target) {
      const listing = listings.get(target.provider.identity, time.clock.now());
      return merge(target, listing?.models ?? NOTHING);
    },
    close: () => aborter.abort(),
  };
}

/** Rejects when there is no answer, or a 200 that is no list. */
async function fetchModels(upstream: UpstreamClient, provider: Provider, path: string, signal: AbortSignal) {
  let headers = provider.constantHeaders;
  for (let i = 0; i < provider.defaultHeaders.length; i += 2) {
    const name = provider.defaultHeaders[i] ?? "";
    if (!provider.forward.fixed.has(name)) headers += `${name}: ${provider.defaultHeaders[i + 1]}\r\n`;
  }
  // A pool of its own, so that no request ever waits for this one's connection.
  const origin = { ...provider.origin, key: `${provider.origin.key} models`, maxConnections: 1 };
  const answer = await fetchSmall(upstream, origin, {
    path,
    headers,
    timeoutMs: TIMEOUT_MS,
    maxBytes: MAX_BYTES,
    signal,
  });
  if (answer.status !== 200) return { status: answer.status, models: null };
  return { status: 200, models: readModelCapabilities(JSON.parse(answer.body.toString("utf8"))) };
}
