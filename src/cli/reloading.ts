/** Takes a new configuration over: checked as a whole, then listeners, gateway, limits and log, or nothing at all. */
import { type ConfigWatch, watchConfig } from "../config/watch.ts";
import type { Gateway } from "../gateway/gateway.ts";
import type { App } from "../http/app.ts";
import type { Log, LogLevel } from "../telemetry/log.ts";
import type { ConfigSource, Loaded } from "./config-source.ts";
import { Exit, reasonOf } from "./exit.ts";
import { knownSecrets } from "./known-secrets.ts";
import type { Listeners } from "./listeners.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { unservedSections } from "./unserved.ts";

export interface Reloading {
  /** The errors; none when the new configuration is in force. Never rejects. */
  reload(): Promise<readonly string[]>;
  /** Milliseconds since 1970. */
  readonly loadedAt: number;
  /** What the last reload failed for, "" when it did not. */
  readonly lastError: string;
  /** No reload is begun any more. */
  close(): void;
}

export interface ReloadingOptions {
  readonly source: ConfigSource;
  /** The file's text that runs. */
  readonly text: string;
  readonly gateway: Gateway;
  readonly app: App;
  readonly listeners: Listeners;
  readonly log: Log;
  readonly levelOf: (configured: LogLevel) => LogLevel;
  /** After a change: where the gateway listens may be another place. */
  readonly onReloaded: () => void;
}

export function createReloading(options: ReloadingOptions): Reloading {
  const { source, gateway, app, listeners, log } = options;
  let loadedAt = Date.now();
  let lastError = "";
  let closed = false;
  /** What the watch has read and nobody has looked at yet. */
  let watched: string | undefined;
  let watch: ConfigWatch | null = null;

  async function load(): Promise<Loaded> {
    const text = watched;
    watched = undefined;
    try {
      return await source.load(text);
    } catch (error) {
      return { ok: false, errors: error instanceof Exit ? error.lines : [reasonOf(error)] };
    }
  }

  async function takeOver(loaded: Loaded): Promise<readonly string[]> {
    if (!loaded.ok) return loaded.errors;
    const { config, text, warnings } = loaded;
    let change: Awaited<ReturnType<Listeners["change"]>>;
    try {
      change = await listeners.change(config);
    } catch (error) {
      return [reasonOf(error)];
    }
    log.hide([...knownSecrets(gateway.config), ...knownSecrets(config)]);
    try {
      gateway.configure(config);
    } catch (error) {
      await change.rollback();
      return [reasonOf(error)];
    }
    change.commit();
    app.refresh(config);
    log.setLevel(options.levelOf(config.log.level));
    if (source.path !== null) watch?.setCurrent(text);
    loadedAt = Date.now();
    for (const warning of [...warnings, ...unservedSections(config)]) log.warn({}, warning);
    options.onReloaded();
    return [];
  }

  const reload = oneAtATime(async (): Promise<readonly string[]> => {
    if (closed) return ["the gateway is shutting down"];
    const errors = await load().then(takeOver);
    lastError = errors.join("; ");
    if (errors.length === 0)
      log.info({ config: source.path ?? "built-in default" }, "configuration reloaded");
    for (const error of errors) log.error({}, `configuration not reloaded: ${error}`);
    return errors;
  });

  const guarded = () =>
    reload().catch((error: unknown) => {
      log.error({ err: error }, "configuration not reloaded");
      return [reasonOf(error)];
    });

  if (source.path !== null) {
    watch = watchConfig(source.path, options.text, {
      onChange(text) {
        watched = text;
        void guarded();
      },
      onIgnored: (reason) => log.warn({}, `the changed configuration file is ignored: ${reason}`),
    });
  }

  return {
    reload: guarded,
    get loadedAt() {
      return loadedAt;
    },
    get lastError() {
      return lastError;
    },
    close() {
      closed = true;
      watch?.close();
    },
  };
}
