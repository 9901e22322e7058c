/** Sizes, start times and memory of what was built, as a table; fails above the limits. `STRICT=0` only prints. */
import { equal } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { askStream, type Daemon, freePort, startDaemon } from "./support/daemon.ts";

const POSTS = 6000;
const POST_BYTES = 64 * 1024;
const CONCURRENCY = 48;
const STREAMS = 200;
const STARTS = 7;
// The daemon collects when it has been idle for some seconds, which is most of a router's day.
const SETTLE_MS = 15_000;

/** As the init script and the unit set them. */
const MALLOC = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: "8192",
  MALLOC_TRIM_THRESHOLD_: "65536",
  MALLOC_TOP_PAD_: "16384",
};
const SHIPPED = { ...MALLOC, NODE_OPTIONS: "--max-old-space-size=64 --max-semi-space-size=1" };

interface Memory {
  readonly anonymous: number;
  readonly file: number;
  readonly shared: number;
  readonly proportional: number;
}

/** MB of 10^6 bytes would hide the page; these are MiB. */
function readMemory(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kilobytes = (text: string, name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
  return {
    anonymous: kilobytes(status, "RssAnon") / 1024,
    file: kilobytes(status, "RssFile") / 1024,
    shared: kilobytes(status, "RssShmem") / 1024,
    proportional: kilobytes(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"), "Pss") / 1024,
  };
}

const folder = mkdtempSync("/opt/sluice-measure-");
process.on("exit", () => rmSync(folder, { recursive: true }));
chmodSync(folder, 0o755);

async function start(file: string, env: Record<string, string>): Promise<Daemon> {
  const port = await freePort();
  return startDaemon([file, "serve", "--no-config", "--host", "127.0.0.1", "--port", String(port)], {
    port,
    env: { ...env, SLUICE_LOG: "error" },
  });
}

/** Median and least of some starts; the least is what the program needs when nothing else runs. */
async function measureStart(
  file: string,
  env: Record<string, string>,
  isCold: boolean,
): Promise<[number, number]> {
  const times: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    // Evicts the file from the page cache.
    if (isCold)
      execFileSync("dd", [`of=${file}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"]);
    const daemon = await start(file, env);
    times.push(daemon.startMs);
    await daemon.stop();
  }
  times.sort((a, b) => a - b);
  return [times[Math.floor(times.length / 2)] ?? 0, times[0] ?? 0];
}

function post(port: number, agent: Agent, body: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": body.length };
    const sent = request({
      host: "127.0.0.1",
      port,
      path: "/v1/chat/completions",
      method: "POST",
      agent,
      headers,
    });
    sent.on("response", (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode ?? 0));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** 6,000 completions of 64 KiB at concurrency 48, then 200 streams. */
async function load(port: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  const filler = "x".repeat(POST_BYTES - 80);
  const body = Buffer.from(
    JSON.stringify({ model: "demo", max_tokens: 1, messages: [{ role: "user", content: filler }] }),
  );
  let left = POSTS;
  const client = async () => {
    while (left-- > 0) equal(await post(port, agent, body), 200);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, client));
  left = STREAMS;
  const reader = async () => {
    while (left-- > 0) equal((await askStream(port)).status, 200);
  };
  await Promise.all(Array.from({ length: 20 }, reader));
  agent.destroy();
}

const rows: string[][] = [["what", "measured", "aim", "limit"]];
let failed = false;
/** Sizes are exact, so their aim is their limit; times and memory move with the machine and get some room. */
function row(what: string, value: number, unit: string, aim?: number, limit = aim): void {
  const isOver = limit !== undefined && value > limit;
  if (isOver) failed = true;
  const isMissed = aim !== undefined && value > aim;
  rows.push([
    what,
    `${value.toFixed(1)} ${unit}`,
    aim === undefined ? "" : `<= ${aim}${isMissed ? " missed" : ""}`,
    limit === undefined ? "" : `<= ${limit}${isOver ? " FAILED" : ""}`,
  ]);
}

for (const arch of ["x64", "arm64"])
  row(`executable ${arch}`, statSync(`dist/sluice-linux-${arch}`).size / 1e6, "MB", 118);
for (const architecture of existsSync("dist/openwrt/ipk") ? readdirSync("dist/openwrt/ipk") : []) {
  const packages = join("dist/openwrt/ipk", architecture);
  const name = readdirSync(packages).find((file) => file.startsWith("sluice_")) ?? "";
  row(`.ipk ${architecture}`, statSync(join(packages, name)).size / 1e6, "MB", 45);
}

const plain = join(folder, "sluice");
copyFileSync("dist/sluice-linux-x64", plain);
const bare = join(folder, "sluice-bare");
const addon = join(folder, "uws.node");
const variants: [string, string, Record<string, string>, boolean][] = [
  ["executable, no settings", plain, {}, false],
  ["executable, unit's settings", plain, SHIPPED, true],
];
if (existsSync(".cache/openwrt/sluice-x64")) {
  copyFileSync(".cache/openwrt/sluice-x64", bare);
  copyFileSync(".cache/openwrt/uws-x64.node", addon);
  variants.push(["router's program and settings", bare, { ...SHIPPED, SLUICE_NATIVE_FILE: addon }, true]);
}
for (const [name, file, env, isShipped] of variants) {
  const [warm, warmLeast] = await measureStart(file, env, false);
  row(`${name}: start, warm, median`, warm, "ms");
  row(`${name}: start, warm, least`, warmLeast, "ms", 160, 320);
  row(`${name}: start, cold, median`, (await measureStart(file, env, true))[0], "ms");
  const daemon = await start(file, env);
  await wait(SETTLE_MS);
  const idle = readMemory(daemon.pid);
  await load(daemon.port);
  await wait(SETTLE_MS);
  const loaded = readMemory(daemon.pid);
  await daemon.stop();
  for (const [when, memory, aim, limit] of [
    ["idle", idle, isShipped ? 18 : undefined, isShipped ? 20 : undefined],
    ["after load", loaded, isShipped ? 24 : undefined, isShipped ? 36 : undefined],
  ] as const) {
    row(`${name}: RssAnon ${when}`, memory.anonymous, "MiB", aim, limit);
    row(`${name}: RssShmem ${when}`, memory.shared, "MiB");
    row(`${name}: RssFile ${when}`, memory.file, "MiB");
    row(`${name}: PSS ${when}`, memory.proportional, "MiB");
  }
}
const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
for (const cells of rows)
  process.stdout.write(`${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ")}\n`);
if (failed && process.env["STRICT"] !== "0") process.exitCode = 1;
