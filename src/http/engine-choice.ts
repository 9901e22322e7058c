/** Chooses the HTTP engine: native where it can be had, node:http otherwise, and says why. */
import type { Engine, EngineKind, EngineOptions } from "./engine.ts";
import { MAX_HEAD_BYTES } from "./engine.ts";
import { createHyperExpressEngine } from "./hyper-express.ts";
import type { HyperExpressModule } from "./native-types.ts";
import { createNodeEngine } from "./node.ts";

export interface ChosenEngine {
  readonly engine: Engine;
  /** Why the native engine does not serve, for one line of the log; "" when it does or was not asked for. */
  readonly fallback: string;
}

/**
 * `auto` takes the native engine unless TLS is asked for or the addon does not load. Asked for by name, a native
 * engine that cannot be had is still replaced: the gateway serves rather than not.
 */
export async function createEngine(
  kind: "auto" | EngineKind,
  options: EngineOptions,
  load: () => Promise<HyperExpressModule> = loadHyperExpress,
): Promise<ChosenEngine> {
  if (kind === "node") return { engine: createNodeEngine(options), fallback: "" };
  if (options.tls !== null) {
    const fallback = kind === "auto" ? "" : "TLS is served by the node engine";
    return { engine: createNodeEngine(options), fallback };
  }
  try {
    return { engine: createHyperExpressEngine(await load(), options), fallback: "" };
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    return { engine: createNodeEngine(options), fallback: `${reason}; the node engine serves` };
  }
}

/** Loads hyper-express and with it the addon; rejects when there is none for this machine. */
export async function loadHyperExpress(): Promise<HyperExpressModule> {
  // Read when the addon is loaded; without it heads over 4 KiB (long tokens) are refused.
  process.env["UWS_HTTP_MAX_HEADERS_SIZE"] ??= String(MAX_HEAD_BYTES);
  const loaded = (await import("hyper-express")) as unknown as {
    readonly default?: HyperExpressModule;
  } & HyperExpressModule;
  return loaded.default ?? loaded;
}
