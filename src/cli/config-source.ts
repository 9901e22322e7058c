/** Where serve's configuration comes from, at start and at every reload: a file, or the built-in default; flags on top. */
import { buildDefault, type ProbeModels } from "../config/defaults.ts";
import { type LoadResult, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { Env } from "../config/variables.ts";
import { readConfigFile } from "./config-file.ts";
import { problemLines } from "./validate.ts";

/** What the command line says over the file, at start and after every reload. */
export interface Overrides {
  readonly host: string | null;
  readonly port: number | null;
  /** Milliseconds. */
  readonly drainTimeout: number | null;
}

export type Loaded =
  | {
      readonly ok: true;
      readonly config: Config;
      readonly warnings: readonly string[];
      /** What the built-in default found; empty for files. */
      readonly chosen: readonly string[];
      /** The file's text; "" for the built-in default. */
      readonly text: string;
    }
  | { readonly ok: false; readonly errors: readonly string[] };

export interface ConfigSource {
  /** null = the built-in default. */
  readonly path: string | null;
  /** Reads and checks; `text` when it has been read already. Throws Exit 2 when a file cannot be read. */
  load(text?: string): Promise<Loaded>;
}

export interface SourceOptions {
  readonly path: string | null;
  readonly env: Env;
  readonly overrides: Overrides;
  readonly probe: ProbeModels;
}

export function createConfigSource({ path, env, overrides, probe }: SourceOptions): ConfigSource {
  const finish = (result: LoadResult, chosen: readonly string[], text: string): Loaded => {
    if (!result.ok) return { ok: false, errors: problemLines(result.errors) };
    const config = applyOverrides(result.config, overrides);
    return { ok: true, config, warnings: problemLines(result.warnings), chosen, text };
  };
  return {
    path,
    async load(given) {
      const now = Date.now();
      if (path === null) {
        // Found providers in order: which is fastest is known only after some requests.
        const { result, chosen } = await buildDefault({ env, probe, strategy: "latency", now });
        return finish(result, chosen, "");
      }
      const text = given ?? readConfigFile(path).text;
      return finish(loadConfig(text, { file: path, env, now }), [], text);
    },
  };
}

function applyOverrides(config: Config, { host, port, drainTimeout }: Overrides): Config {
  const { server } = config;
  return {
    ...config,
    server: {
      ...server,
      host: host ?? server.host,
      port: port ?? server.port,
      drainTimeout: drainTimeout ?? server.drainTimeout,
    },
  };
}
