/** Where the memory of open streams goes: V8's spaces, what else is anonymous, and pages of files, idle and with all open. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Load } from "./load-client.ts";
import {
  processFile,
  SERVER_CORE,
  type Server,
  shippedSettings,
  sleep,
  startServer,
  startSluice,
} from "./servers.ts";
import { measureStreams } from "./stream-rows.ts";

/** What the probe says of one of V8's spaces, bytes. */
export interface HeldSpace {
  readonly name: string;
  readonly held: number;
  readonly used: number;
}

export interface MemoryProfileOptions {
  readonly load: Load;
  readonly upstream: Server;
  readonly node: string;
  readonly bundle: string;
  readonly streams: number;
}

/** MiB by part; a part's name says who asked for it. */
type Parts = Map<string, number>;

const SETTLE_MS = 1500;

/** Prints MiB by part for the floor and the gateway: idle, with all streams open the first time, and the second time. */
export async function profileMemory(options: MemoryProfileOptions): Promise<void> {
  const { load, upstream, node, bundle, streams } = options;
  const folder = mkdtempSync(join(tmpdir(), "sluice-memory-"));
  const flags = ["--import", resolve(processFile("memory-probe"))];
  try {
    for (const name of ["floor", "sluice"]) {
      const probe = join(folder, name);
      const env = { ...shippedSettings(), UPSTREAM_PORT: String(upstream.port), MEMORY_PROBE: probe };
      const server =
        name === "floor"
          ? await startServer(name, SERVER_CORE, node, env, { flags })
          : await startSluice({ node, upstream, tls: false, bundle, env, flags });
      await sleep(SETTLE_MS);
      const idle = await partsOf(server.pid, `${probe}.1`);
      const [first, second] = [await open(`${probe}.2`), await open(`${probe}.3`)];
      print(name, streams, [idle, first, second]);
      await server.stop();

      /** The parts while all are open. */
      async function open(file: string): Promise<Parts> {
        const measured = measureStreams(load, server, streams, 4);
        await sleep(5000);
        const parts = await partsOf(server.pid, file);
        await measured;
        return parts;
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function partsOf(pid: number, file: string): Promise<Parts> {
  process.kill(pid, "SIGUSR2");
  while (!existsSync(file)) await sleep(20);
  const spaces = JSON.parse(readFileSync(file, "utf8")) as HeldSpace[];
  const parts: Parts = new Map();
  let held = 0;
  for (const space of spaces) {
    held += space.held;
    if (space.held > 0) parts.set(`V8 ${space.name.replaceAll("_", " ")}`, space.held / 2 ** 20);
  }
  const { files, anonymous } = mappingsOf(pid);
  parts.set("other anonymous memory (malloc, stacks, V8's tables)", anonymous - held / 2 ** 20);
  for (const [name, size] of files) parts.set(`pages of ${name}`, size);
  return parts;
}

/** MiB in memory: of each file that is mapped (its pages that were not written to), and all anonymous memory. */
function mappingsOf(pid: number): { readonly files: Parts; readonly anonymous: number } {
  const files: Parts = new Map();
  let [name, rss, anonymous] = ["", 0, 0];
  for (const line of readFileSync(`/proc/${pid}/smaps`, "latin1").split("\n")) {
    const mapping = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(.*)$/.exec(line);
    if (mapping !== null) name = mapping[1] ?? "";
    const [, field, kib] = /^(Rss|Anonymous):\s+(\d+) kB/.exec(line) ?? [];
    if (field === "Rss") rss = Number(kib) / 1024;
    if (field !== "Anonymous") continue;
    anonymous += Number(kib) / 1024;
    const clean = rss - Number(kib) / 1024;
    if (!name.startsWith("/") || clean === 0) continue;
    const short = /\.node$/.test(name)
      ? "uWebSockets.js"
      : /\/lib\w*[-.]/.test(name)
        ? "system libraries"
        : "the program";
    files.set(short, (files.get(short) ?? 0) + clean);
  }
  return { files, anonymous };
}

function print(name: string, streams: number, states: readonly Parts[]): void {
  console.log(
    `\nwhere the memory of ${name} goes, MiB: idle, ${streams} streams open, and opened again; KB a stream`,
  );
  const names = new Set(states.flatMap((parts) => [...parts.keys()]));
  const row = (title: string, values: readonly number[]) => {
    const [idle = 0, first = 0] = values;
    const each = ((first - idle) * 1024) / streams;
    console.log(
      `${values.map((value) => value.toFixed(1).padStart(7)).join("")} ${each.toFixed(1).padStart(7)}  ${title}`,
    );
  };
  for (const title of names)
    row(
      title,
      states.map((parts) => parts.get(title) ?? 0),
    );
  row(
    "all",
    states.map((parts) => [...parts.values()].reduce((sum, value) => sum + value, 0)),
  );
}
