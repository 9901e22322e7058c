/** Makes the gateway: the objects that outlive requests and configurations, and the contract around them. */
import { type Authenticator, createAuthenticator, hashKey } from "../auth/caller.ts";
import { BUILD_DATE } from "../base/build-date.ts";
import type { Failure } from "../base/failure.ts";
import { LiveList } from "../base/live-list.ts";
import type { Config } from "../config/schema.ts";
import type { HealthOptions } from "../health/options.ts";
import { HealthRegistry } from "../health/registry.ts";
import { statusOf } from "../health/status.ts";
import type { Exchange } from "../http/exchange.ts";
import type { ClientRoute } from "../http/route.ts";
import { deriveBufferBytes } from "../limits/memory.ts";
import type { ProtocolName } from "../protocols/protocol.ts";
import { protocolNamed } from "../protocols/registry.ts";
import { createPublicOrigins } from "../upstream/public-origin.ts";
import { watchClock } from "./clock-watch.ts";
import { answerBytes, type Core, createCore } from "./core.ts";
import type { Gateway, GatewayOptions, GatewayStatus, Origination, TargetRow } from "./gateway.ts";
import { serveRequest } from "./pipeline.ts";
import { servePrefix } from "./prefix.ts";
import { refusal } from "./refusal.ts";
import { compileSnapshot, type Snapshot } from "./snapshot.ts";
import { createStreamCounter, type StreamCounter } from "./stream-counter.ts";

/** What requests find when they arrive; replaced as a whole by a new configuration. */
export interface Session {
  snapshot: Snapshot;
  authenticator: Authenticator;
  draining: boolean;
  readonly streams: StreamCounter;
  readonly running: LiveList<UnderWay>;
}

/** A request that is under way. */
export interface UnderWay {
  /** Everything ends, it too. */
  close(): void;
}

/** Throws an Error for the operator when the configuration names files that cannot be read. */
export function createGateway(options: GatewayOptions): Gateway {
  const { time } = options;
  const health = new HealthRegistry(healthOptions(options.config), time.random);
  const publicOrigins = createPublicOrigins(time);
  const core: Core = createCore({
    time,
    log: options.log,
    upstream: options.upstream,
    health,
    bufferBytes: bufferBytes(options.config, options.readFile),
    buildDate: options.buildDate ?? BUILD_DATE,
    publicOrigin: options.publicOrigin ?? publicOrigins.open,
  });
  const unwatchClock = watchClock(time, () => health.clockJumped());
  const compile = (config: Config) =>
    compileSnapshot({
      config,
      time,
      upstream: options.upstream,
      version: options.version,
      env: options.env,
      readFile: options.readFile,
    });
  const session: Session = {
    snapshot: compile(options.config),
    authenticator: authenticatorOf(options.config),
    draining: false,
    streams: createStreamCounter(),
    running: new LiveList(),
  };
  const adopt = (config: Config) => {
    health.configure(session.snapshot.identities, healthOptions(config), time.clock.now());
    const publicOrigins = [...session.snapshot.providers.values()].filter((provider) => !provider.private);
    core.uplink.configure(publicOrigins.map((provider) => provider.origin));
    const bytes = bufferBytes(config, options.readFile);
    core.memory.setCap(bytes);
    core.answers.setCap(answerBytes(bytes));
    for (const name of core.offline) if (!config.provider.has(name)) core.offline.delete(name);
    markOffline();
  };
  const targetsOf = (provider: string) =>
    session.snapshot.aliases
      .flatMap((alias) => alias.targets)
      .filter((target) => target.provider.name === provider);

  const markOffline = () => {
    for (const alias of session.snapshot.aliases) {
      for (const target of alias.targets) {
        health.of(target.identity, time.clock.now()).offline = core.offline.has(target.provider.name);
      }
    }
  };
  adopt(options.config);

  // A class for its accessors: a literal that has some is a hash table to V8, and each request asks it.
  class Serving implements Gateway {
    serve(exchange: Exchange, route: ClientRoute, from: Origination): void {
      serveRequest(core, session, exchange, route, from);
    }

    servePrefix(exchange: Exchange, prefix: string, rest: string, from: Origination): void {
      servePrefix(core, session, exchange, prefix, rest, from);
    }

    refuse(exchange: Exchange, protocol: ProtocolName, failure: Failure, requestId: string): void {
      const answer = refusal(protocolNamed(protocol), failure, null, requestId);
      exchange.respond(answer.status, answer.headers, answer.body);
    }

    get prefixes(): readonly string[] {
      return session.snapshot.prefixes;
    }

    get config(): Config {
      return session.snapshot.config;
    }

    configure(config: Config): void {
      const snapshot = compile(config);
      session.snapshot = snapshot;
      session.authenticator = authenticatorOf(config);
      adopt(config);
    }

    isReady(): boolean {
      const now = time.clock.now();
      return session.snapshot.aliases.some((alias) =>
        alias.targets.some(
          (target) => health.of(target.identity, now).admission(now, "chat").state !== "out",
        ),
      );
    }

    status(): GatewayStatus {
      return statusOfGateway(core, session);
    }

    setOffline(provider: string, offline: boolean): boolean {
      if (!session.snapshot.config.provider.has(provider)) return false;
      if (offline) core.offline.add(provider);
      else core.offline.delete(provider);
      markOffline();
      return true;
    }

    reset(provider: string): boolean {
      if (!session.snapshot.config.provider.has(provider)) return false;
      for (const target of targetsOf(provider)) health.of(target.identity, time.clock.now()).reset();
      return true;
    }

    get active(): number {
      return core.totals.active;
    }

    get served(): number {
      return core.totals.requests;
    }

    startDrain(): void {
      session.draining = true;
      health.close();
      core.claudeModels.close();
    }

    close(): void {
      session.draining = true;
      for (const request of session.running.toArray()) request.close();
      unwatchClock();
      health.close();
      core.claudeModels.close();
      core.bodyBuffers.close();
      core.uplink.close();
      publicOrigins.close();
    }

    record(): object {
      return {
        health: health.record(time.clock.now(), time.clock.wall()),
        offline: [...core.offline],
      };
    }

    restore(state: unknown): void {
      if (typeof state !== "object" || state === null) return;
      if ("health" in state) health.restore(state.health, time.clock.now(), time.clock.wall());
      const names = "offline" in state && Array.isArray(state.offline) ? state.offline : [];
      for (const name of names) {
        if (typeof name === "string" && session.snapshot.config.provider.has(name)) core.offline.add(name);
      }
      markOffline();
    }
  }
  return new Serving();
}

function statusOfGateway(core: Core, session: Session): GatewayStatus {
  const now = core.time.clock.now();
  const { totals, memory } = core;
  const { snapshot } = session;
  return {
    requests: {
      total: totals.requests,
      failed: totals.failed,
      active: totals.active,
      waiting: core.waiting(),
    },
    tokens: { input: totals.tokensIn, output: totals.tokensOut },
    wan: core.uplink.wan.state,
    memory: {
      bodies: { used: memory.used, cap: memory.cap },
      answers: { used: core.answers.used, cap: core.answers.cap },
    },
    repairs: {
      finished: totals.continuations,
      failed: totals.unrepaired,
      bodiesDropped: core.repairBodies.dropped,
      bodiesMissed: totals.bodiesMissed,
    },
    upstream: core.upstream.stats(),
    providers: [...snapshot.providers.values()].map((provider) => ({
      name: provider.name,
      kind: provider.kind.name,
      private: provider.private,
      offline: core.offline.has(provider.name),
    })),
    models: snapshot.aliases.map((alias) => ({
      alias: alias.name,
      strategy: alias.strategy,
      targets: alias.targets.map((target): TargetRow => {
        const {
          totals: counts,
          quota: _quota,
          ...status
        } = statusOf(core.health.of(target.identity, now), now);
        return {
          target: target.label,
          ...status,
          requests: counts.attempts,
          successes: counts.successes,
          failures: counts.failures,
          tokensIn: counts.tokensIn,
          tokensOut: counts.tokensOut,
          lastRequest: counts.lastAt === 0 ? null : counts.lastAt,
        };
      }),
    })),
  };
}

function healthOptions(config: Config): HealthOptions {
  const { circuit, routing } = config;
  return {
    circuit: {
      threshold: circuit.threshold,
      cooldown: circuit.cooldown,
      cooldownMax: circuit.cooldownMax,
      idleDecay: circuit.idleDecay,
    },
    rateLimitCooldown: circuit.rateLimitCooldown,
    credentialCooldown: circuit.credentialCooldown,
    ewmaAlpha: routing.ewmaAlpha,
  };
}

function bufferBytes(config: Config, readFile: (path: string) => string): number {
  const { maxBufferedBytes } = config.limits;
  return maxBufferedBytes === "auto" ? deriveBufferBytes(readFile, 256 * 1024 * 1024) : maxBufferedBytes;
}

function authenticatorOf(config: Config): Authenticator {
  const keys = config.auth.keys.map((key) => ({
    id: key.id,
    sha256: key.keySha256 === null ? hashKey(key.key ?? "") : Buffer.from(key.keySha256, "hex"),
    models: key.models,
    providers: key.providers,
    expires: key.expires === null ? null : Number(key.expires),
  }));
  return createAuthenticator(keys, config.auth.anonymous);
}
