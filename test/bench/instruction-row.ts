/** Instructions in user space for a small request, counted by callgrind: the same within 2 % whatever else the machine does, unlike times. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Instructions, readCallgrind } from "./callgrind.ts";
import type { Load } from "./load-client.ts";
import { orderFor, SMALL } from "./request-rows.ts";
import { SERVER_CORE, type Server, shippedSettings, startServer, startSluice } from "./servers.ts";
import { atMost, type Target } from "./targets.ts";

const CONNECTIONS = 16;
/** About fifty times slower than without callgrind: until V8 has compiled what is hot. */
const WARM_MS = 60_000;
const COUNTED_MS = 8000;
const SHOWN = 25;

export interface InstructionOptions {
  readonly load: Load;
  readonly upstream: Server;
  readonly node: string;
  /** The built gateway. */
  readonly bundle: string;
}

/** Prints what a request takes at the floor and in the gateway, and where the latter's go. */
export async function countInstructions(options: InstructionOptions): Promise<Target[]> {
  if (spawnSync("valgrind", ["--version"]).status !== 0) {
    console.log("\ninstructions: not counted, valgrind is not installed");
    return [];
  }
  const { load, upstream, node, bundle } = options;
  const floor = await count(load, (wrap, flags) =>
    startServer("floor", SERVER_CORE, node, { UPSTREAM_PORT: String(upstream.port) }, { wrap, flags }),
  );
  const own = await count(load, (wrap, flags) =>
    startSluice({ node, upstream, tls: false, bundle, wrap, flags, env: shippedSettings() }),
  );
  console.log("\ninstructions of a request in user space, 16 connections");
  console.log(`floor  ${floor.total.toFixed(0).padStart(8)}`);
  console.log(`sluice ${own.total.toFixed(0).padStart(8)}, of which`);
  for (const [name, each] of own.functions.slice(0, SHOWN))
    console.log(`${each.toFixed(0).padStart(8)} ${name.slice(0, 120)}`);
  return [atMost("200 B: instructions to the floor", own.total / floor.total, 1.4)];
}

/** Per request. */
async function count(
  load: Load,
  startUnder: (wrap: readonly string[], flags: readonly string[]) => Promise<Server>,
): Promise<Instructions> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-callgrind-"));
  try {
    const out = join(folder, "out");
    const wrap = [
      "valgrind",
      "--tool=callgrind",
      // Code that V8 writes over.
      "--smc-check=all-non-file",
      "--instr-atstart=no",
      "--dump-instr=yes",
      `--callgrind-out-file=${out}`,
      `--log-file=${join(folder, "log")}`,
    ];
    const server = await startUnder(wrap, ["--perf-basic-prof", `--perf-basic-prof-path=${folder}`]);
    await load.send(orderFor(server, SMALL, CONNECTIONS, WARM_MS));
    control(server.pid, "-i", "on");
    const { count: requests } = await load.send(orderFor(server, SMALL, CONNECTIONS, COUNTED_MS));
    control(server.pid, "-d");
    await server.stop();
    const map = readdirSync(folder).find((name) => name.endsWith(".map"));
    if (map === undefined) throw new Error("V8 wrote no map of its code");
    const { total, functions } = readCallgrind(`${out}.1`, join(folder, map));
    return {
      total: total / requests,
      functions: functions.map(([name, instructions]) => [name, instructions / requests]),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function control(pid: number, ...order: string[]): void {
  const { status, stderr } = spawnSync("callgrind_control", [...order, String(pid)], { encoding: "utf8" });
  if (status !== 0) throw new Error(`callgrind_control ${order.join(" ")}: ${stderr}`);
}
