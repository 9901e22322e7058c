/** The sockets of a running gateway: the main listener with its engine, and the one for metrics; changed without dropping a connection. */
import type { Time } from "../base/clock.ts";
import type { Config } from "../config/schema.ts";
import type { App } from "../http/app.ts";
import type {
  Engine,
  EngineLimits,
  EngineOptions,
  ListenAddress,
  Listener,
  TlsFiles,
} from "../http/engine.ts";
import { createEngine } from "../http/engine-choice.ts";
import type { Log } from "../telemetry/log.ts";

export interface Listeners {
  readonly engine: Engine["kind"];
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Port of `metrics_listen`; 0 = none. */
  readonly metricsPort: number;
  /**
   * Opens what another configuration wants, beside what is open. Throws an Error that names address and reason, and
   * then everything is as it was. `commit` closes what is not wanted any more, `rollback` what was opened.
   */
  change(config: Config): Promise<ListenerChange>;
  stats(): ReturnType<Engine["stats"]>;
  /** Stops accepting at once, and resolves when every answer is out or `deadlineMs` is over. Metrics stay until `close`. */
  drain(deadlineMs: number): Promise<void>;
  close(): void;
}

interface ListenerChange {
  commit(): void;
  rollback(): Promise<void>;
}

export interface ListenersOptions {
  readonly app: App;
  readonly time: Time;
  readonly log: Log;
}

/** Where nearly every request goes. */
const HOT_PATHS = ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings"];
const HOT_PREFIXES = ["/v1", "/v1beta", "/v2", "/openai", "/api"];

interface Main {
  readonly engine: Engine;
  readonly listener: Listener;
}

/** Throws an Error when an address cannot be bound or the TLS files cannot be used. */
export async function openListeners(config: Config, options: ListenersOptions): Promise<Listeners> {
  const { app, log } = options;
  const engines = createEngines(options);
  let current = config;
  let main = await openMain(config, await engines.make(config), app);
  let metricsEngine: Engine | null = null;
  /** Engines that were replaced and still finish what they had begun. */
  const retiring = new Map<Engine, Promise<void>>();
  let metrics: Listener | null = null;
  if (config.server.metricsListen !== null) {
    metricsEngine = await engines.makePlain(config);
    metrics = await openMetrics(config, metricsEngine, app);
  }

  function retire(engine: Engine, deadlineMs: number): void {
    retiring.set(
      engine,
      engine.drain(deadlineMs).finally(() => retiring.delete(engine)),
    );
  }

  /** The new listener, and how to go back. The old one is closed first only where both want the same port. */
  async function changeMain(next: Config): Promise<ListenerChange> {
    const sameEngine = engineKey(next) === engineKey(current);
    if (sameEngine && addressKey(next) === addressKey(current)) {
      return { commit: () => main.engine.setLimits(limitsOf(next)), rollback: async () => {} };
    }
    const old = main;
    const before = current;
    const engine = sameEngine ? old.engine : await engines.make(next);
    let opened: Main;
    try {
      opened = await openMain(next, engine, app);
    } catch (error) {
      if (next.server.port !== before.server.port || next.server.port === 0) {
        if (!sameEngine) engine.close();
        throw error;
      }
      old.listener.close();
      try {
        opened = await openMain(next, engine, app);
      } catch (again) {
        if (!sameEngine) engine.close();
        main = { engine: old.engine, listener: await reopen(before, old, app) };
        throw again;
      }
    }
    main = opened;
    return {
      commit() {
        old.listener.close();
        main.engine.setLimits(limitsOf(next));
        if (!sameEngine) retire(old.engine, before.server.drainTimeout);
      },
      async rollback() {
        opened.listener.close();
        if (!sameEngine) opened.engine.close();
        main = { engine: old.engine, listener: await reopen(before, old, app) };
      },
    };
  }

  async function changeMetrics(next: Config): Promise<ListenerChange> {
    const old = metrics;
    if (metricsKey(next) === metricsKey(current)) return { commit: () => {}, rollback: async () => {} };
    if (next.server.metricsListen !== null) {
      metricsEngine ??= await engines.makePlain(next);
      metrics = await openMetrics(next, metricsEngine, app);
    } else metrics = null;
    const opened = metrics;
    return {
      commit: () => old?.close(),
      async rollback() {
        opened?.close();
        metrics = old;
      },
    };
  }

  return {
    get engine() {
      return main.engine.kind;
    },
    get host() {
      return main.listener.host;
    },
    get port() {
      return main.listener.port;
    },
    get tls() {
      return tlsOf(current) !== null;
    },
    get metricsPort() {
      return metrics?.port ?? 0;
    },
    async change(next) {
      const first = await changeMain(next);
      let second: ListenerChange;
      try {
        second = await changeMetrics(next);
      } catch (error) {
        await first.rollback();
        throw error;
      }
      return {
        commit() {
          first.commit();
          second.commit();
          const moved = addressKey(next) !== addressKey(current) || engineKey(next) !== engineKey(current);
          current = next;
          if (moved)
            log.info(
              { host: main.listener.host, port: main.listener.port, engine: main.engine.kind },
              "listening",
            );
        },
        async rollback() {
          await second.rollback();
          await first.rollback();
        },
      };
    },
    stats: () => main.engine.stats(),
    async drain(deadlineMs) {
      await Promise.all([main.engine.drain(deadlineMs), ...retiring.values()]);
    },
    close() {
      main.engine.close();
      for (const engine of retiring.keys()) engine.close();
      metricsEngine?.close();
    },
  };
}

interface Engines {
  make(config: Config): Promise<Engine>;
  /** node:http without TLS: figures for a scraper on the same machine. */
  makePlain(config: Config): Promise<Engine>;
}

function createEngines({ app, time, log }: ListenersOptions): Engines {
  let warned = "";
  const optionsFor = (config: Config, tls: TlsFiles | null): EngineOptions => ({
    limits: limitsOf(config),
    time,
    tls,
    hotPrefixes: HOT_PREFIXES,
    hotPaths: HOT_PATHS,
    isExempt: (address) => app.isProxy(address),
    onWarning: (message) => log.warn({}, message),
    onError: (error) => log.error({ err: error }, "a request ended in an internal error"),
  });
  return {
    async make(config) {
      const { engine, fallback } = await createEngine(
        config.server.engine,
        optionsFor(config, tlsOf(config)),
      );
      if (fallback !== "" && fallback !== warned) log.warn({ engine: engine.kind }, fallback);
      warned = fallback;
      return engine;
    },
    makePlain: async (config) => (await createEngine("node", optionsFor(config, null))).engine,
  };
}

async function openMain(config: Config, engine: Engine, app: App): Promise<Main> {
  return { engine, listener: await engine.listen(addressOf(config), app.handle) };
}

/** Back on the address that was closed to make room; the port is the one that was really bound. */
async function reopen(config: Config, old: Main, app: App): Promise<Listener> {
  if (old.listener.port === 0) return old.listener;
  return old.engine.listen({ ...addressOf(config), port: old.listener.port }, app.handle).catch((error) => {
    // Still open, then: the new one never took its place.
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return old.listener;
    throw error;
  });
}

function openMetrics(config: Config, engine: Engine, app: App): Promise<Listener> {
  const { host, port } = config.server.metricsListen ?? { host: "127.0.0.1", port: 0 };
  return engine.listen({ host, bindFamily: "dual", port }, app.handleMetrics);
}

function limitsOf(config: Config): EngineLimits {
  const { maxConnections, maxConnectionsPerClient, streamBufferBytes } = config.limits;
  return {
    maxConnections,
    maxConnectionsPerClient,
    streamBufferBytes,
    clientStallMs: config.timeouts.clientStall,
  };
}

function addressOf({ server }: Config): ListenAddress {
  return { host: server.host ?? "", bindFamily: server.bindFamily, port: server.port };
}

function tlsOf({ server }: Config): TlsFiles | null {
  return server.tlsCert === null || server.tlsKey === null
    ? null
    : { cert: server.tlsCert, key: server.tlsKey };
}

function addressKey(config: Config): string {
  return JSON.stringify(addressOf(config));
}

function engineKey(config: Config): string {
  return JSON.stringify([config.server.engine, tlsOf(config)]);
}

function metricsKey(config: Config): string {
  return JSON.stringify(config.server.metricsListen);
}
