/** Talks to the running gateway: finds where it is, and asks it one thing. */
import { request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { Env } from "../config/variables.ts";
import { canonicalPath, findConfigPath, readConfigFile } from "./config-file.ts";
import { type EnvironmentOptions, readEnvironment } from "./environment.ts";
import { Exit, FAILED, reasonOf, WRONG_USAGE } from "./exit.ts";
import { findRunning, type RunningGateway } from "./pid-file.ts";

export interface AddressOptions extends EnvironmentOptions {
  readonly config?: string;
  readonly url?: string;
  readonly token?: string;
}

export interface Endpoint {
  readonly url: URL;
  /** The administrator's token; "" = none. */
  readonly token: string;
  /** This machine's own listener, named by address: its certificate is for a name. */
  readonly isLocal: boolean;
}

export interface ControlAnswer {
  readonly status: number;
  /** null when the body is no JSON. */
  readonly body: unknown;
}

const DEFAULT_PORT = 4000;
const TIMEOUT_MS = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * `--url`, else the process that runs with the named configuration (or, when none is named, the only one that runs),
 * else the address of the configuration, else port 4000. Throws Exit 2 when several would do.
 */
export function findEndpoint(options: AddressOptions): Endpoint {
  const env = readEnvironment(options);
  const path = findConfigPath(options.config ?? null, env);
  const config = path === null ? null : tryLoad(path, env);
  const token = options.token ?? config?.admin.token ?? "";
  if (options.url !== undefined) return { url: readUrl(options.url), token, isLocal: false };
  const named = options.config === undefined ? "" : canonicalPath(options.config);
  const running = chooseRunning(findRunning(env), named);
  const place = running ?? {
    host: config?.server.host ?? "",
    port: config?.server.port ?? DEFAULT_PORT,
    tls: config !== null && config.server.tlsCert !== null,
  };
  return { url: new URL(localUrl(place)), token, isLocal: true };
}

/** Asks one thing; `body` null = GET, else POST. Throws Exit 1 with one line when nothing answers. */
export function ask(
  { url, token, isLocal }: Endpoint,
  path: string,
  body: object | null,
): Promise<ControlAnswer> {
  const target = new URL(path, url);
  const text = body === null ? "" : JSON.stringify(body);
  const headers: Record<string, string> = { accept: "application/json", connection: "close" };
  if (body !== null) {
    headers["content-type"] = "application/json";
    headers["content-length"] = String(Buffer.byteLength(text));
  }
  if (token !== "") headers["authorization"] = `Bearer ${token}`;
  return new Promise((resolve, reject) => {
    const nobody = (reason: string) =>
      reject(new Exit(FAILED, `sluice: no gateway answers at ${target.origin}: ${reason}`));
    const settings = { method: body === null ? "GET" : "POST", headers, timeout: TIMEOUT_MS };
    const sent =
      target.protocol === "https:"
        ? requestSecure(target, { ...settings, rejectUnauthorized: !isLocal })
        : requestPlain(target, settings);
    sent.on("response", (answer) => {
      const chunks: Buffer[] = [];
      let length = 0;
      answer.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_BYTES) sent.destroy(new Error("its answer is too large"));
        else chunks.push(chunk);
      });
      answer.on("end", () =>
        resolve({
          status: answer.statusCode ?? 0,
          body: parseJson(Buffer.concat(chunks).toString("utf8")),
        }),
      );
      answer.on("error", (error) => nobody(reasonOf(error)));
    });
    sent.on("timeout", () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    sent.on("error", (error) => nobody(describe(error)));
    sent.end(text);
  });
}

/** The body of a 2xx; throws Exit 1 with the gateway's own words otherwise. */
export async function askForJson(endpoint: Endpoint, path: string, body: object | null): Promise<unknown> {
  const answer = await ask(endpoint, path, body);
  if (answer.status >= 200 && answer.status < 300 && answer.body !== null) return answer.body;
  throw new Exit(FAILED, ...errorLines(answer, endpoint.url.origin));
}

/**
 * One gateway of those that run, from the first folder with one that fits; null = none. Throws Exit 2 when several of
 * that folder would do.
 */
export function chooseRunning(
  folders: readonly (readonly RunningGateway[])[],
  configPath: string,
  port: number | null = null,
): RunningGateway | null {
  const fits = (gateway: RunningGateway) =>
    (configPath === "" || gateway.config === configPath) && (port === null || gateway.port === port);
  const fitting = folders.map((running) => running.filter(fits)).find((running) => running.length > 0) ?? [];
  if (fitting.length > 1) {
    const list = fitting.map((gateway) => gateway.port).join(", ");
    throw new Exit(
      WRONG_USAGE,
      `sluice: several gateways run on this machine (ports ${list}): say which with --url, --port or --config`,
    );
  }
  return fitting[0] ?? null;
}

function errorLines({ status, body }: ControlAnswer, origin: string): string[] {
  const error = memberOf(body, "error");
  const errors = memberOf(error, "errors");
  if (Array.isArray(errors) && errors.length > 0) return errors.map(String);
  const message = memberOf(error, "message");
  return [
    typeof message === "string"
      ? `sluice: ${message}`
      : `sluice: ${origin} is no sluice: it answered ${status}`,
  ];
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function localUrl({ host, port, tls }: { host: string; port: number; tls: boolean }): string {
  // A PID file says `::` only where the kernel has IPv6, and with `bind_family = "ipv6"` nothing else is listened on.
  const address = host === "" || host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  const shown = address.includes(":") ? `[${address}]` : address;
  return `${tls ? "https" : "http"}://${shown}:${port}`;
}

/** A configuration that does not load still runs in its older form: address and token are then unknown. */
function tryLoad(path: string, env: Env): Config | null {
  const result = loadConfig(readConfigFile(path).text, { file: path, env, now: Date.now() });
  return result.ok ? result.config : null;
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return url;
  throw new Exit(
    WRONG_USAGE,
    `sluice: --url: found ${JSON.stringify(text)}; allowed: a URL such as http://192.168.1.1:4000`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // Whoever answers there speaks something else; the status is told.
  }
}

function describe(error: NodeJS.ErrnoException): string {
  if (error.code === "ECONNREFUSED") return "nothing listens there";
  return reasonOf(error);
}
