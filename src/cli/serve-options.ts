/** The options of `sluice serve`, checked. */
import { isIP } from "node:net";
import { parseDuration } from "../base/units.ts";
import type { LogConfig } from "../config/schema.ts";
import type { Env } from "../config/variables.ts";
import type { LogLevel } from "../telemetry/log.ts";
import type { Overrides } from "./config-source.ts";
import type { EnvironmentOptions } from "./environment.ts";
import { Exit, WRONG_USAGE } from "./exit.ts";

export interface ServeOptions extends EnvironmentOptions {
  /** false = --no-config. */
  readonly config?: string | false;
  readonly verbose: number;
  readonly host?: string;
  readonly port?: string;
  readonly drainTimeout?: string;
  readonly logFormat?: LogConfig["format"];
}

/** Throws Exit 2 that names the option. */
export function readOverrides(options: ServeOptions): Overrides {
  const { host, port, drainTimeout } = options;
  if (host !== undefined && isIP(host) === 0) throw wrong("--host", host, "one IP address");
  const drain = drainTimeout === undefined ? null : parseDuration(drainTimeout);
  if (drainTimeout !== undefined && drain === null)
    throw wrong("--drain-timeout", drainTimeout, "a duration such as 30s");
  return { host: host ?? null, port: port === undefined ? null : readPort(port), drainTimeout: drain };
}

export function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw wrong("--port", text, "a whole number between 0 and 65535");
  return port;
}

const LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error"];

/** SLUICE_LOG over -v over the file. Throws Exit 2 when SLUICE_LOG is no level. */
export function chooseLevel(env: Env, verbose: number, configured: LogLevel): LogLevel {
  const asked = env["SLUICE_LOG"] ?? "";
  if (asked !== "") {
    const level = LEVELS.find((known) => known === asked.toLowerCase());
    if (level === undefined) throw wrong("SLUICE_LOG", asked, LEVELS.join(" | "));
    return level;
  }
  if (verbose === 0) return configured;
  return verbose === 1 ? "debug" : "trace";
}

function wrong(name: string, found: string, allowed: string): Exit {
  return new Exit(WRONG_USAGE, `sluice: ${name}: found ${JSON.stringify(found)}; allowed: ${allowed}`);
}
