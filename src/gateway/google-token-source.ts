/** Keeps one bearer token per Vertex provider: fetched when needed, shared by all that wait, renewed before it expires. */
import type { Time } from "../base/clock.ts";
import {
  type GoogleCredentials,
  metadataRequest,
  parseCredentials,
  parseToken,
  type TokenRequest,
  tokenRequest,
} from "../providers/google-token.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import { fetchSmall } from "../upstream/fetch-small.ts";
import { originOf } from "../upstream/origin.ts";
import { proxyFor } from "../upstream/proxy.ts";
import type { TokenSource } from "./target.ts";

interface GoogleTokenOptions {
  readonly time: Time;
  readonly upstream: UpstreamClient;
  /** `vertex_ai.credentials`; "" = what the environment holds. */
  readonly credentials: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Throws when there is no such file. */
  readonly readFile: (path: string) => string;
}

/** So long before it expires a token is not used any more (40-protocols.md 5). */
const MARGIN_MS = 300_000;
const TIMEOUT_MS = 10_000;
const METADATA_HOST = "metadata.google.internal";
/** Requests that wait for one token; more are told at once. */
const MAX_WAITING = 1024;

type Done = (lines: string, problem: string | null) => void;

export function createGoogleTokenSource(options: GoogleTokenOptions): TokenSource {
  const { time, upstream, env } = options;
  let lines = "";
  /** Monotonic milliseconds. */
  let usableUntil = 0;
  let waiting: Done[] = [];

  const settle = (found: string, problem: string | null) => {
    const all = waiting;
    waiting = [];
    for (const done of all) done(found, problem);
  };

  const fetchToken = async () => {
    const credentials = findCredentials(options);
    const request =
      credentials === null
        ? metadataRequest(env["GCE_METADATA_HOST"] ?? METADATA_HOST)
        : tokenRequest(credentials, Math.floor(time.clock.wall() / 1000));
    const answer = await send(request, credentials !== null);
    const { token, expiresInSeconds } = parseToken(answer.status, answer.body.toString("utf8"));
    const project =
      credentials?.type === "authorized_user" && /^[\w:.-]+$/.test(credentials.quotaProject)
        ? `x-goog-user-project: ${credentials.quotaProject}\r\n`
        : "";
    lines = `authorization: Bearer ${token}\r\n${project}`;
    usableUntil = time.clock.now() + expiresInSeconds * 1000 - MARGIN_MS;
  };

  const send = (request: TokenRequest, proxied: boolean) => {
    const url = new URL(request.url);
    const plain = originOf(url);
    const origin = proxied ? originOf(url, { proxy: proxyFor(env, plain) }) : plain;
    return fetchSmall(upstream, origin, {
      method: request.method,
      path: url.pathname + url.search,
      headers: request.headers,
      body: request.body === "" ? null : Buffer.from(request.body),
      timeoutMs: TIMEOUT_MS,
    });
  };

  return {
    get(done) {
      if (lines !== "" && time.clock.now() < usableUntil) {
        done(lines, null);
        return;
      }
      if (waiting.length >= MAX_WAITING) {
        done("", "too many requests wait for Google's token");
        return;
      }
      waiting.push(done);
      if (waiting.length > 1) return;
      fetchToken().then(
        () => settle(lines, null),
        (thrown: unknown) => {
          const why = thrown instanceof Error ? thrown.message : String(thrown);
          settle("", `no token from Google: ${why}`);
        },
      );
    },
  };
}

/** The configured file, the one the environment names, or gcloud's; null = ask the metadata server. Throws for the operator. */
function findCredentials(options: GoogleTokenOptions): GoogleCredentials | null {
  const { credentials, env, readFile } = options;
  const named = credentials || env["GOOGLE_APPLICATION_CREDENTIALS"] || "";
  if (named !== "") return readCredentials(named, readFile(named));
  const folder = env["CLOUDSDK_CONFIG"] ?? (env["HOME"] === undefined ? "" : `${env["HOME"]}/.config/gcloud`);
  if (folder === "") return null;
  const path = `${folder}/application_default_credentials.json`;
  let text: string;
  try {
    text = readFile(path);
  } catch {
    return null; // nobody has logged in here: the machine's own account is asked
  }
  return readCredentials(path, text);
}

function readCredentials(path: string, text: string): GoogleCredentials {
  try {
    return parseCredentials(text);
  } catch (thrown) {
    throw new Error(`${path}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}
