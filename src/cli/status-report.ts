/** The answer of `/status` as the command line reads it, and the tables made of it. */
import { formatSize } from "../base/units.ts";
import { Exit, FAILED } from "./exit.ts";
import { formatTable } from "./terminal.ts";

interface TargetReport {
  readonly target: string;
  readonly status: string;
  readonly stream_latency_ms: number | null;
  readonly whole_latency_ms: number | null;
  readonly error_rate: number;
  readonly circuit: string;
  readonly circuit_left_ms: number;
  readonly cooldown_left_ms: number;
  readonly requests: number;
  readonly successes: number;
  readonly tokens_in: number;
  readonly tokens_out: number;
  readonly last_request: string | null;
}

export interface StatusReport {
  readonly uptime_seconds: number;
  readonly version: string;
  readonly engine: string;
  readonly status: string;
  readonly config: { readonly path: string; readonly loaded_at: string; readonly last_error: string | null };
  readonly totals: {
    readonly requests: number;
    readonly failed: number;
    readonly active: number;
    readonly tokens_in: number;
    readonly tokens_out: number;
  };
  readonly memory: {
    readonly rss_bytes: number;
    readonly bodies: { readonly used_bytes: number; readonly cap_bytes: number };
  };
  readonly wan: string;
  readonly providers: readonly {
    readonly name: string;
    readonly kind: string;
    readonly private: boolean;
    readonly offline: boolean;
  }[];
  readonly targets: readonly TargetReport[];
  readonly virtual_models: readonly {
    readonly alias: string;
    readonly strategy: string;
    readonly targets: readonly string[];
  }[];
}

/** Throws Exit 1 when it is something else: another program, or another version, answers there. */
export function readStatus(body: unknown): StatusReport {
  const report = body as Partial<StatusReport> | null;
  if (
    report?.totals &&
    report.memory &&
    report.config &&
    report.providers &&
    report.targets &&
    report.virtual_models
  )
    return report as StatusReport;
  throw new Exit(FAILED, "sluice: what answers there is no sluice of this version");
}

/** The whole report for a person; `now` in milliseconds since 1970. */
export function formatStatus(report: StatusReport, now: number): string {
  const { totals, memory, config } = report;
  const targets = new Map(report.targets.map((target) => [target.target, target]));
  const parts = report.virtual_models.map(({ alias, strategy, targets: names }) => {
    const rows = names.flatMap((name) => {
      const target = targets.get(name);
      return target === undefined ? [] : [targetRow(target, now)];
    });
    return `${alias} (${strategy})\n${formatTable([HEAD, ...rows])}`;
  });
  const state = report.status === "ok" ? "" : `, ${report.status.replace("_", " ")}`;
  parts.push(
    [
      `sluice ${report.version}, engine ${report.engine}, up ${formatSpan(report.uptime_seconds)}${state}`,
      `requests ${totals.requests}, failed ${totals.failed}, under way ${totals.active}; tokens in ${totals.tokens_in}, out ${totals.tokens_out}`,
      `memory ${mebibytes(memory.rss_bytes)}, bodies ${mebibytes(memory.bodies.used_bytes)} of ${mebibytes(memory.bodies.cap_bytes)}; internet ${report.wan}`,
      `configuration ${config.path}, loaded ${config.loaded_at}${config.last_error === null ? "" : `; last reload failed: ${config.last_error}`}`,
      "",
    ].join("\n"),
  );
  return parts.join("\n");
}

const HEAD = [
  "  TARGET",
  "STATUS",
  "CIRCUIT",
  "STREAM",
  "WHOLE",
  "ERRORS",
  "REQUESTS",
  "SUCCESS",
  "TOKENS IN/OUT",
  "LAST",
];

function targetRow(target: TargetReport, now: number): string[] {
  const { requests, successes, last_request: last } = target;
  return [
    `  ${target.target}`,
    target.cooldown_left_ms > 0 ? `${target.status} ${seconds(target.cooldown_left_ms)}` : target.status,
    target.circuit_left_ms > 0 ? `${target.circuit} ${seconds(target.circuit_left_ms)}` : target.circuit,
    latency(target.stream_latency_ms),
    latency(target.whole_latency_ms),
    `${Math.round(target.error_rate * 100)}%`,
    String(requests),
    requests === 0 ? "-" : `${Math.round((successes / requests) * 100)}%`,
    `${target.tokens_in}/${target.tokens_out}`,
    last === null ? "never" : `${formatSpan(Math.max(0, Math.round((now - Date.parse(last)) / 1000)))} ago`,
  ];
}

function latency(ms: number | null): string {
  return ms === null ? "-" : `${Math.round(ms)}ms`;
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1000)}s`;
}

function mebibytes(bytes: number): string {
  return bytes < 1024 * 1024 ? formatSize(bytes) : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** `3d 4h`, `12m 5s`: the two largest units. */
function formatSpan(total: number): string {
  const units = [
    ["d", 86_400],
    ["h", 3600],
    ["m", 60],
    ["s", 1],
  ] as const;
  let left = Math.floor(total);
  const parts: string[] = [];
  for (const [unit, size] of units) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0 || (unit === "s" && parts.length === 0)) parts.push(`${count}${unit}`);
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}
