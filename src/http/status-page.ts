/** The JSON of `/status`, under its documented names (20-http.md). */
import type { GatewayStatus, TargetRow } from "../gateway/gateway.ts";

/** What the process knows of itself. Times in milliseconds, sizes in bytes. */
export interface ProcessStatus {
  readonly version: string;
  readonly commit: string;
  readonly engine: string;
  readonly startedAt: number;
  readonly now: number;
  readonly draining: boolean;
  readonly configPath: string;
  readonly loadedAt: number;
  /** "" = the last reload went well. */
  readonly lastError: string;
  readonly rss: number;
  readonly heapUsed: number;
  readonly connections: number;
  readonly exchanges: number;
  readonly logDropped: number;
}

export function statusPage(own: ProcessStatus, gateway: GatewayStatus): object {
  const rows = new Map<string, TargetRow>();
  for (const { targets } of gateway.models) for (const row of targets) rows.set(row.target, row);
  return {
    status: own.draining ? "shutting_down" : "ok",
    uptime_seconds: Math.floor((own.now - own.startedAt) / 1000),
    started_at: instant(own.startedAt),
    version: own.version,
    commit: own.commit,
    node: process.versions.node,
    engine: own.engine,
    pid: process.pid,
    config: {
      path: own.configPath,
      loaded_at: instant(own.loadedAt),
      last_error: own.lastError === "" ? null : own.lastError,
    },
    totals: {
      requests: gateway.requests.total,
      failed: gateway.requests.failed,
      active: gateway.requests.active,
      tokens_in: gateway.tokens.input,
      tokens_out: gateway.tokens.output,
    },
    memory: {
      rss_bytes: own.rss,
      heap_used_bytes: own.heapUsed,
      bodies: { used_bytes: gateway.memory.bodies.used, cap_bytes: gateway.memory.bodies.cap },
      answers: { used_bytes: gateway.memory.answers.used, cap_bytes: gateway.memory.answers.cap },
    },
    queues: { upstream_waiting: gateway.upstream.waiting, log_lines_dropped: own.logDropped },
    connections: {
      clients: own.connections,
      requests: own.exchanges,
      upstream_open: gateway.upstream.open,
      upstream_idle: gateway.upstream.idle,
    },
    wan: gateway.wan,
    providers: gateway.providers.map(({ name, kind, private: isPrivate, offline }) => ({
      name,
      kind,
      private: isPrivate,
      offline,
    })),
    targets: [...rows.values()].map(targetMembers),
    virtual_models: gateway.models.map(({ alias, strategy, targets }) => ({
      alias,
      strategy,
      targets: targets.map(({ target }) => target),
    })),
  };
}

function targetMembers(row: TargetRow): object {
  return {
    target: row.target,
    status: row.status,
    stream_latency_ms: rounded(row.streamLatency),
    whole_latency_ms: rounded(row.wholeLatency),
    error_rate: Math.round(row.errorRate * 10_000) / 10_000,
    circuit: row.circuit,
    circuit_left_ms: Math.round(row.circuitLeft),
    cooldown_left_ms: Math.round(row.cooldownLeft),
    requests: row.requests,
    successes: row.successes,
    failures: row.failures,
    tokens_in: row.tokensIn,
    tokens_out: row.tokensOut,
    last_request: row.lastRequest === null ? null : instant(row.lastRequest),
  };
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10;
}
