/** A pool of targets in this process: the gateway core with its own connections, health and circuits, without a server. */
import { readFileSync } from "node:fs";
import { VERSION } from "../base/build-info.ts";
import { createSystemTime } from "../base/system-time.ts";
import { createRequestIds } from "../gateway/request-id.ts";
import { createGateway } from "../gateway/runtime.ts";
import type { Log } from "../telemetry/log.ts";
import { createUpstreamClient } from "../upstream/http1-client.ts";
import { poolConfig } from "./pool-config.ts";
import { withParts } from "./pool-parts.ts";
import type { PoolOptions, PoolTarget } from "./pool-target.ts";

export interface Pool {
  /** Ends what is under way (it fails as `pool_closed`) and closes every connection and timer. Idempotent. */
  close(): void;
}

/**
 * Makes a pool over these targets, asked in their order unless `strategy` says otherwise. Connects to nobody yet.
 * Throws a TypeError that names every option that is wrong.
 */
export function createPool(targets: readonly PoolTarget[], options: PoolOptions = {}): Pool {
  const config = poolConfig(targets, options);
  const time = createSystemTime();
  const upstream = createUpstreamClient({ time });
  const gateway = createGateway({
    config,
    time,
    log: SILENT,
    upstream,
    version: VERSION,
    env: process.env,
    readFile: (file) => readFileSync(file, "utf8"),
  });
  let closed = false;
  const parts = {
    gateway,
    ids: createRequestIds(time.random),
    get closed() {
      return closed;
    },
  };
  return withParts(parts, {
    close() {
      if (closed) return;
      closed = true;
      gateway.close();
      upstream.close();
    },
  });
}

/** A library does not write to its program's output: what went wrong is in the Failure, its cause included. */
const SILENT: Log = {
  level: "error",
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  startLine: () => null,
  hide() {},
  dropped: 0,
  setLevel() {},
  flush() {},
};
