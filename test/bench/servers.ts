/** Starts the bench's processes, each on its core, and reads what they cost from /proc. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { build } from "esbuild";
import { createAuthority, createCertificate } from "../support/tls.ts";

/** The server that is measured has one core, everything else another one. */
export const SERVER_CORE = 0;
export const LOAD_CORE = 1;

const canPin = availableParallelism() > 1 && spawnSync("taskset", ["--version"]).status === 0;
/** Ticks of /proc/PID/stat a second. */
const TICK_US = 10_000;

export const KEY = "sk-bench-0123456789abcdef";
/** Where logs, certificates and configurations live: memory where there is such a file system. */
const folder = mkdtempSync(
  join(spawnSync("test", ["-w", "/dev/shm"]).status === 0 ? "/dev/shm" : tmpdir(), "sluice-bench-"),
);
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const authority = createAuthority();
const certificate = createCertificate(authority);
export const CA = join(folder, "ca.pem");
writeFileSync(CA, authority.cert);
writeFileSync(join(folder, "cert.pem"), certificate.cert);
writeFileSync(join(folder, "key.pem"), certificate.key);

/** Bundles the programs of a folder. */
export async function buildProcesses(
  names: readonly string[],
  programs = "test/bench/process",
): Promise<void> {
  await build({
    entryPoints: names.map((name) => `${programs}/${name}.ts`),
    outdir: OUT,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    outExtension: { ".js": ".mjs" },
    logLevel: "warning",
  });
}

const OUT = join(".cache", "bench", String(process.pid));
process.on("exit", () => rmSync(OUT, { recursive: true, force: true }));

export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface Server extends Running {
  readonly name: string;
  readonly port: number;
}

export function start(
  core: number,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  stdio: [
    number | "ignore" | "pipe" | "inherit",
    number | "ignore" | "pipe" | "inherit",
    number | "inherit" | "pipe",
    "ipc"?,
  ],
): Running {
  const [file = "", ...args] = canPin ? ["taskset", "-c", String(core), ...command] : command;
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio });
  running.add(child);
  child.on("exit", () => running.delete(child));
  return {
    child,
    pid: child.pid ?? 0,
    async stop() {
      if (child.exitCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export function processFile(name: string): string {
  return join(OUT, `${name}.mjs`);
}

/** How a runtime is started. */
export interface Runtime {
  /** A program that runs it, and that program's options. */
  readonly wrap?: readonly string[];
  /** Node's own options. */
  readonly flags?: readonly string[];
}

/** Starts one of `process/` that says its port. */
export async function startServer(
  name: string,
  core: number,
  node: string,
  env: NodeJS.ProcessEnv = {},
  { wrap = [], flags = [] }: Runtime = {},
): Promise<Server> {
  const started = start(core, [...wrap, node, ...flags, processFile(name)], env, [
    "ignore",
    "pipe",
    "inherit",
  ]);
  const port = Number(await firstLine(started.child.stdout));
  return { ...started, name, port };
}

export function startUpstream(tls: boolean): Promise<Server> {
  const env = tls ? { CERT: join(folder, "cert.pem"), KEY: join(folder, "key.pem") } : {};
  return startServer("upstream", LOAD_CORE, process.execPath, env);
}

/** The settings of memory that sluice ships with, as its systemd unit has them. */
export function shippedSettings(): NodeJS.ProcessEnv {
  const unit = readFileSync("build/systemd/sluice.service", "utf8");
  const settings = [...unit.matchAll(/^Environment=(.*)$/gm)].map((line) => line[1] ?? "").join(" ");
  const pairs = [...settings.matchAll(/(\w+)=(?:"([^"]*)"|(\S+))/g)];
  return Object.fromEntries(pairs.map(([, name, quoted, plain]) => [name ?? "", quoted ?? plain ?? ""]));
}

interface BundleOptions extends Runtime {
  readonly node: string;
  readonly bundle: string;
  /** Name in the tables. */
  readonly name?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface SluiceOptions extends BundleOptions {
  readonly upstream: Server;
  readonly tls: boolean;
}

export interface Bundle extends Server {
  /** The file that its log is appended to. */
  readonly log: string;
}

/** The built bundle with everything on: keys, request log to a file, latency over two targets, continuation. */
export async function startSluice(options: SluiceOptions): Promise<Server> {
  const scheme = options.tls ? "https" : "http";
  const provider = (name: string) => `[provider.${name}]
base_url = "${scheme}://127.0.0.1:${options.upstream.port}/v1"
api_key = "sk-upstream-${name}"
dialect = "openai"
max_connections = 2000
${options.tls ? `ca_file = ${JSON.stringify(CA)}\n` : ""}`;
  return await startBundle(
    `[server]
host = "127.0.0.1"
port = 0
engine = "hyper-express"
[limits]
max_connections_per_client = 4000
max_streams_per_client = 4000
[auth]
[[auth.keys]]
id = "bench"
key = "${KEY}"
${provider("a")}
${provider("b")}
[model.fast]
strategy = "latency"
continuation = true
targets = [{ provider = "a", model = "gpt-4o-mini" }, { provider = "b", model = "gpt-4o-mini" }]
`,
    options,
  );
}

/** A built bundle under a configuration; resolves once it listens. */
export async function startBundle(toml: string, options: BundleOptions): Promise<Bundle> {
  // A folder of its own: a log beside the configuration would wake its watcher with every write.
  const place = join(folder, `sluice-${++count}`);
  mkdirSync(place);
  const config = join(place, "config.toml");
  const log = join(folder, `sluice-${count}.log`);
  writeFileSync(config, toml);
  const fd = openSync(log, "a");
  const env = { XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: folder, ...options.env };
  const command = [
    ...(options.wrap ?? []),
    options.node,
    ...(options.flags ?? []),
    options.bundle,
    "serve",
    "-c",
    config,
    "--log-format",
    "json",
  ];
  const started = start(SERVER_CORE, command, env, ["ignore", "ignore", fd]);
  closeSync(fd);
  const tries = options.wrap === undefined ? 200 : 2000;
  for (let i = 0; i < tries; i++) {
    await sleep(50);
    const port = /"msg":"listening"/.test(readFileSync(log, "utf8"))
      ? /"port":(\d+)/.exec(readFileSync(log, "utf8"))?.[1]
      : undefined;
    if (port !== undefined) return { ...started, name: options.name ?? "sluice", port: Number(port), log };
    if (started.child.exitCode !== null) break;
  }
  throw new Error(`sluice did not start:\n${readFileSync(log, "utf8")}`);
}
let count = 0;

/** CPU used so far by all threads, microseconds. */
export function timesOf(pid: number): { readonly user: number; readonly system: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { user: Number(fields[11]) * TICK_US, system: Number(fields[12]) * TICK_US };
}

export function cpuOf(pid: number): number {
  const { user, system } = timesOf(pid);
  return user + system;
}

/** MiB. */
export interface Memory {
  readonly rss: number;
  /** Anonymous and shared memory: what a router has to find for it. */
  readonly anonymous: number;
  /** The shared part of it. */
  readonly shared: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return {
    rss: kib("VmRSS") / 1024,
    anonymous: (kib("RssAnon") + kib("RssShmem")) / 1024,
    shared: kib("RssShmem") / 1024,
  };
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function firstLine(stream: Readable | null): Promise<string> {
  if (stream === null) throw new Error("no stdout");
  const lines = createInterface({ input: stream });
  const [line] = (await once(lines, "line")) as [string];
  return line;
}
