/** Starts an engine on a free port for one test; `SLUICE_ENGINE` picks one, by default every test runs on both. */
import type { TestContext } from "node:test";
import type { Time } from "../../../src/base/clock.ts";
import type {
  Engine,
  EngineKind,
  EngineLimits,
  ExchangeHandler,
  TlsFiles,
} from "../../../src/http/engine.ts";
import { createEngine } from "../../../src/http/engine-choice.ts";
import { realTime } from "./real-time.ts";

const asked = process.env["SLUICE_ENGINE"];
export const ENGINES: readonly EngineKind[] =
  asked === undefined || asked === "auto" ? ["hyper-express", "node"] : [asked as EngineKind];

export const LIMITS: EngineLimits = {
  maxConnections: 1024,
  maxConnectionsPerClient: 0,
  streamBufferBytes: 64 * 1024,
  clientStallMs: 60_000,
};

export interface StartOptions {
  readonly limits?: Partial<EngineLimits>;
  readonly tls?: TlsFiles;
  readonly time?: Time;
  readonly hotPrefixes?: readonly string[];
  readonly hotPaths?: readonly string[];
  readonly isExempt?: (address: string) => boolean;
}

export interface Running {
  readonly engine: Engine;
  readonly port: number;
  readonly errors: unknown[];
  readonly warnings: string[];
}

/** An engine that listens on 127.0.0.1 and is closed with the test. */
export async function startEngine(
  context: Pick<TestContext, "after">,
  kind: EngineKind,
  handler: ExchangeHandler,
  options: StartOptions = {},
): Promise<Running> {
  const errors: unknown[] = [];
  const warnings: string[] = [];
  const { engine, fallback } = await createEngine(kind, {
    limits: { ...LIMITS, ...options.limits },
    time: options.time ?? realTime(),
    tls: options.tls ?? null,
    hotPrefixes: options.hotPrefixes ?? ["/v1"],
    hotPaths: options.hotPaths ?? ["/v1/b"],
    isExempt: options.isExempt ?? (() => false),
    onWarning: (message) => warnings.push(message),
    onError: (error) => errors.push(error),
  });
  if (engine.kind !== kind) throw new Error(`wanted ${kind}, got ${engine.kind}: ${fallback}`);
  context.after(() => engine.close());
  const listener = await engine.listen({ host: "127.0.0.1", bindFamily: "ipv4", port: 0 }, handler);
  return { engine, port: listener.port, errors, warnings };
}
