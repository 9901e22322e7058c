/** `sluice serve`: reads the configuration, opens the listeners, and runs until a signal ends it. */
import { readFileSync } from "node:fs";
import { COMMIT, VERSION } from "../base/build-info.ts";
import { createSystemTime } from "../base/system-time.ts";
import { createGateway } from "../gateway/runtime.ts";
import { type App, createApp } from "../http/app.ts";
import { statusPage } from "../http/status-page.ts";
import { createLog, type Log, type LogLevel } from "../telemetry/log.ts";
import { createUpstreamClient } from "../upstream/http1-client.ts";
import { canonicalPath, findConfigPath } from "./config-file.ts";
import { type ConfigSource, createConfigSource, type Loaded } from "./config-source.ts";
import { readEnvironment } from "./environment.ts";
import { Exit, FAILED, reasonOf, WRONG_USAGE } from "./exit.ts";
import { collectWhenIdle } from "./idle-collection.ts";
import { knownSecrets } from "./known-secrets.ts";
import { type Listeners, openListeners } from "./listeners.ts";
import { createPidFile } from "./pid-file.ts";
import { createModelProbe } from "./probe-models.ts";
import { createReloading, type Reloading } from "./reloading.ts";
import { chooseLevel, readOverrides, type ServeOptions } from "./serve-options.ts";
import { startMessage } from "./start-message.ts";
import { createStateFile } from "./state-file.ts";
import { catchEarlyHangup, watchSignals } from "./stopping.ts";
import { printError } from "./terminal.ts";
import { unservedSections } from "./unserved.ts";
import { applySettings } from "./v8-settings.ts";

/** How often the LAN's prefixes and this machine's addresses are looked at again. */
const INTERFACES_MS = 30_000;

/** Throws Exit 2 for what the user got wrong, Exit 1 when an address cannot be bound. Then the process is the gateway's. */
export async function serve(options: ServeOptions): Promise<void> {
  const early = catchEarlyHangup();
  const startedAt = Date.now();
  const overrides = readOverrides(options);
  const env = readEnvironment(options);
  const path = options.config === false ? null : findConfigPath(options.config ?? null, env);
  const time = createSystemTime();
  const upstream = createUpstreamClient({ time });
  const source = createConfigSource({ path, env, overrides, probe: createModelProbe(upstream) });
  const loaded = await loadFirst(source);
  const { config } = loaded;

  const levelOf = (configured: LogLevel) => chooseLevel(env, options.verbose, configured);
  const asked = options.logFormat ?? config.log.format;
  const format = asked === "auto" ? (process.stderr.isTTY ? "pretty" : "json") : asked;
  const log = createLog({
    level: levelOf(config.log.level),
    format,
    color: process.stderr.isTTY === true && (env["NO_COLOR"] ?? "") === "",
    timers: time.timers,
    fd: 2,
  });
  log.hide(knownSecrets(config));

  const gateway = await orExit(log, [upstream], () =>
    createGateway({
      config,
      time,
      log,
      upstream,
      version: VERSION,
      env,
      readFile: (file) => readFileSync(file, "utf8"),
    }),
  );
  let draining = false;
  // Made after the app, which asks only while it answers.
  let listeners: Listeners;
  let reloading: Reloading;
  const app: App = createApp({
    gateway,
    random: time.random,
    log,
    operations: {
      get draining() {
        return draining;
      },
      hasConsole: false,
      version: VERSION,
      reload: () => reloading.reload(),
      status: () =>
        statusPage(
          {
            version: VERSION,
            commit: COMMIT,
            engine: listeners.engine,
            startedAt,
            now: Date.now(),
            draining,
            configPath: source.path ?? "built-in default",
            loadedAt: reloading.loadedAt,
            lastError: reloading.lastError,
            rss: process.memoryUsage.rss(),
            heapUsed: process.memoryUsage().heapUsed,
            ...listeners.stats(),
            logDropped: log.dropped,
          },
          gateway.status(),
        ),
    },
  });

  const state = createStateFile(() => gateway.config, env, log);
  state.restore(gateway);
  listeners = await orExit(log, [upstream, gateway], () => openListeners(config, { app, time, log }));

  const pidFile = createPidFile(env);
  const writePid = () =>
    pidFile.write({
      host: listeners.host,
      port: listeners.port,
      metricsPort: listeners.metricsPort,
      tls: listeners.tls,
      config: source.path === null ? "" : canonicalPath(source.path),
      drainTimeout: gateway.config.server.drainTimeout,
    });
  writePid();
  reloading = createReloading({
    source,
    text: loaded.text,
    gateway,
    app,
    listeners,
    log,
    levelOf,
    onReloaded: writePid,
  });
  const stopSaving = state.saveRegularly(gateway, time.timers);
  const stopCollecting = collectWhenIdle({
    timers: time.timers,
    active: () => gateway.active,
    served: () => gateway.served,
  });
  const interfaces = time.timers.start(INTERFACES_MS, () => {
    app.refresh(gateway.config);
    interfaces.restart(INTERFACES_MS);
  });

  watchSignals({
    log,
    reload: () => void reloading.reload(),
    async drain() {
      draining = true;
      reloading.close();
      stopSaving();
      stopCollecting();
      interfaces.cancel();
      gateway.startDrain();
      await listeners.drain(gateway.config.server.drainTimeout);
      state.save(gateway);
    },
    leave() {
      pidFile.remove();
      gateway.close();
      upstream.close();
      listeners.close();
    },
  });
  if (early.came) void reloading.reload();
  announce(loaded, listeners, log, format === "pretty");
  applySettings();
}

type Ready = Extract<Loaded, { ok: true }>;

/** Every problem on a line of its own. */
async function loadFirst(source: ConfigSource): Promise<Ready> {
  const loaded = await source.load();
  if (!loaded.ok) throw new Exit(WRONG_USAGE, ...loaded.errors);
  return loaded;
}

/** Runs a step of the start; when it fails, nothing keeps the process alive and one line says why. */
async function orExit<T>(
  log: Log,
  opened: readonly { close(): void }[],
  step: () => T | Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    for (const part of opened) part.close();
    log.flush();
    // The system's own codes are about the machine; without one a file that the configuration names is at fault.
    const isSystem = typeof (error as NodeJS.ErrnoException).code === "string";
    throw new Exit(isSystem ? FAILED : WRONG_USAGE, `sluice: ${reasonOf(error)}`);
  }
}

function announce(loaded: Ready, listeners: Listeners, log: Log, isPerson: boolean): void {
  const { config, warnings, chosen } = loaded;
  for (const warning of [...warnings, ...unservedSections(config)]) log.warn({}, warning);
  const message = startMessage(config, listeners, chosen);
  const { engine, host, port } = listeners;
  log.info(
    {
      version: VERSION,
      commit: COMMIT,
      pid: process.pid,
      node: process.versions.node,
      engine,
      host,
      port,
      ...(listeners.metricsPort === 0 ? {} : { metrics_port: listeners.metricsPort }),
      url: message.url,
      ...(chosen.length === 0 ? {} : { found: chosen }),
      ...(isPerson ? {} : { curl: message.curl }),
    },
    "listening",
  );
  // Whoever waits for this line does not wait for the log's next turn.
  log.flush();
  if (!isPerson) return;
  printError(message.text.trimEnd());
}
