/** `npm run test:soak`: the bundle as shipped under a mixed load of 64 connections; its memory must stay flat and nothing be lost. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { fetchNode } from "../../build/node-binary.mjs";
import { NODE_SHA256, NODE_VERSION } from "../../build/runtime.mjs";
import {
  type Bundle,
  buildProcesses,
  KEY,
  LOAD_CORE,
  type Memory,
  memoryOf,
  processFile,
  type Server,
  shippedSettings,
  sleep,
  start,
  startBundle,
  startServer,
} from "../bench/servers.ts";
import { median } from "../bench/statistics.ts";
import { atMost, printTargets, type Target } from "../bench/targets.ts";
import { seedOf } from "../support/seed.ts";
import type { SoakMessage, SoakResult } from "./contract.ts";
import {
  judgeAnswers,
  judgeFailures,
  judgeLeftovers,
  judgeMemory,
  judgeRest,
  type Leftovers,
} from "./judge.ts";
import { MIX } from "./mix.ts";
import { configuration, faultsIn, type StatusPage, statusOf } from "./watched-gateway.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "300" },
    connections: { type: "string", default: "64" },
    engine: { type: "string", default: "auto" },
    /** The runtime that serves; "": the one that is shipped. */
    node: { type: "string", default: "" },
    /** Seconds of rest after the load; 0: memory at rest is not judged. */
    rest: { type: "string", default: "0" },
    /** MiB. RSS is only told: pages of the program's file come and go with what else the machine does. */
    rss: { type: "string", default: "80" },
    typical: { type: "string", default: "56" },
    most: { type: "string", default: "80" },
    growth: { type: "string", default: "3" },
    "at-rest": { type: "string", default: "36" },
  },
});
const seconds = Number(values.seconds);
const rssAim = Number(values.rss);
const bounds = {
  typical: Number(values.typical),
  most: Number(values.most),
  growth: Number(values.growth),
  rest: Number(values["at-rest"]),
};
const seed = seedOf(Math.floor(Date.now() / 1000));
const SAMPLE_MS = 500;
/** Growth is not judged on shorter runs: V8 is still finding out how much it needs. */
const SHORTEST_FLAT_S = 240;
const REPORT_S = 30;
const MOST_FAULTS = 20;
/** For everything that was begun to come to its end. */
const SETTLE_MS = 120_000;

async function shippedNode(): Promise<string> {
  const arch = process.arch === "arm64" ? "arm64" : "x64";
  return (await fetchNode({ version: NODE_VERSION, arch, sha256: NODE_SHA256[arch] })).node;
}

function shown({ rss, anonymous, shared }: Memory): string {
  const [own, file] = [anonymous - shared, rss - anonymous];
  return `RSS ${rss.toFixed(1)} MiB = RssAnon ${own.toFixed(1)} + RssShmem ${shared.toFixed(1)} + RssFile ${file.toFixed(1)}`;
}

/** Runs the clients for `seconds`, and looks at the gateway's memory and log all the while. */
async function load(gateway: Bundle, samples: Memory[], faults: string[]): Promise<SoakResult> {
  const { child } = start(LOAD_CORE, [process.execPath, processFile("clients")], {}, [
    "ignore",
    "inherit",
    "inherit",
    "ipc",
  ]);
  let answered = 0;
  const finished = new Promise<SoakResult>((resolve, reject) => {
    child.on("message", (message: SoakMessage) => {
      if (message.kind === "result") resolve(message);
      else answered = message.answered;
    });
    child.on("exit", () => reject(new Error("the clients ended")));
  });
  finished.catch(() => {}); // told by whoever awaits it below
  child.send({ port: gateway.port, key: KEY, connections: Number(values.connections), seed });
  const startedAt = performance.now();
  let reportedAt = 0;
  for (let at = 0; at < seconds; at = (performance.now() - startedAt) / 1000) {
    await sleep(SAMPLE_MS);
    if (gateway.child.exitCode !== null || gateway.child.signalCode !== null)
      throw new Error(
        `the gateway ended: ${gateway.child.exitCode ?? gateway.child.signalCode}\n${readFileSync(gateway.log, "utf8").slice(-4000)}`,
      );
    const memory = memoryOf(gateway.pid);
    samples.push(memory);
    faults.push(...faultsIn(gateway).slice(0, MOST_FAULTS));
    if (at - reportedAt < REPORT_S) continue;
    reportedAt = at;
    const heap = ((await statusOf(gateway)).memory.heap_used_bytes / 1024 / 1024).toFixed(1);
    console.log(
      `${at.toFixed(0).padStart(5)} s ${String(answered).padStart(8)} requests  ${shown(memory)}, heap used ${heap}`,
    );
  }
  child.send("stop");
  const result = await Promise.race([finished, sleep(SETTLE_MS)]);
  if (result === undefined) throw new Error("the clients did not come to an end");
  return result;
}

/** What the gateway holds when nothing more changes: zero at once, or what is left after a long while. */
async function settle(gateway: Bundle, upstream: Server): Promise<Leftovers> {
  const until = performance.now() + SETTLE_MS;
  let isStopped = false;
  for (;;) {
    const { totals, memory, connections } = await statusOf(gateway);
    const left = {
      requests: totals.active,
      upstreamConnections: connections.upstream_open,
      bodyBytes: memory.bodies.used_bytes,
      answerBytes: memory.answers.used_bytes,
    };
    if (performance.now() > until || Object.values(left).every((value) => value === 0)) return left;
    // Kept connections end with their upstream; those of attempts that still run must have ended before.
    if (totals.active === 0 && !isStopped) {
      isStopped = true;
      await upstream.stop();
    }
    await sleep(200);
  }
}

function printCounts({ counts, resent, surprises }: SoakResult): void {
  console.log("\nrequests by kind");
  const statuses = new Map<string, number>();
  for (const { name } of MIX) {
    const outcomes = Object.entries(counts[name] ?? {});
    for (const [outcome, count] of outcomes) {
      const status = outcome.split(" ")[0] ?? "";
      statuses.set(status, (statuses.get(status) ?? 0) + count);
    }
    console.log(`${name.padEnd(34)} ${outcomes.map(([outcome, count]) => `${count} ${outcome}`).join(", ")}`);
  }
  console.log(`by status: ${[...statuses].map(([status, count]) => `${count} x ${status}`).join(", ")}`);
  console.log(`sent again because a kept connection was closed: ${resent}`);
  for (const surprise of surprises) console.log(`NOT EXPECTED: ${surprise}`);
}

function printTargetsAsked(targets: StatusPage["targets"]): void {
  for (const { target, requests, failures } of targets)
    console.log(`${target.padEnd(34)} ${requests} requests, ${failures} failures`);
}

await buildProcesses(["upstream", "clients"], "test/soak/process");
if (spawnSync(process.execPath, ["build/bundle.mjs", "--quiet"], { stdio: "inherit" }).status !== 0)
  process.exit(1);
const upstream = await startServer("upstream", LOAD_CORE, process.execPath);
const gateway = await startBundle(configuration(upstream.port, values.engine), {
  node: values.node === "" ? await shippedNode() : values.node,
  bundle: "dist/sluice.cjs",
  env: { ...shippedSettings(), NO_PROXY: "*", no_proxy: "*" },
});
const { engine, node } = await statusOf(gateway);
console.log(
  `Node ${node}, engine ${engine}, PID ${gateway.pid}, ${values.connections} connections for ${seconds} s, settings of memory as shipped, SEED=${seed}`,
);
console.log(`idle                    ${shown(memoryOf(gateway.pid))}`);
const samples: Memory[] = [];
const faults: string[] = [];
const result = await load(gateway, samples, faults);
printCounts(result);
const { targets: asked } = await statusOf(gateway);
printTargetsAsked(asked);
const flaky = asked.find(({ target }) => target.startsWith("flaky/"));
const left = await settle(gateway, upstream);
const health = await fetch(`http://127.0.0.1:${gateway.port}/healthz`);
console.log(`\nafterwards              ${shown(memoryOf(gateway.pid))}`);
const rest = Number(values.rest);
await sleep(rest * 1000);
const rested = memoryOf(gateway.pid);
if (rest > 0) console.log(`after ${rest} s of rest     ${shown(rested)}`);
gateway.child.kill("SIGTERM");
const [status] = (await Promise.race([
  once(gateway.child, "exit"),
  sleep(SETTLE_MS).then(() => ["none"]),
])) as [unknown];
faults.push(...faultsIn(gateway));
for (const fault of faults.slice(0, MOST_FAULTS)) console.log(`LOG: ${fault}`);

const highest = samples.reduce((most, sample) => (sample.rss > most.rss ? sample : most));
console.log(`highest                 ${shown(highest)}`);
const targets: Target[] = [
  ...judgeMemory(samples, bounds).slice(0, seconds < SHORTEST_FLAT_S ? 2 : 3),
  ...(rest > 0 ? [judgeRest(rested, bounds)] : []),
  ...judgeAnswers(result.counts, MIX),
  judgeFailures(flaky ?? { requests: 0, failures: 0 }),
  ...judgeLeftovers(left),
  atMost("faults in the log", faults.length, 0, ""),
  { row: "/healthz", target: "200", reached: String(health.status), met: health.status === 200 },
  { row: "exit status after SIGTERM", target: "0", reached: String(status), met: status === 0 },
];
const lastQuarter = samples.slice(-Math.ceil(samples.length / 4)).map(({ rss }) => rss);
const aims = [
  atMost("RSS, most (an aim, not a condition)", highest.rss, rssAim, "MiB"),
  atMost("RSS, median of the last quarter (an aim too)", median(lastQuarter), rssAim, "MiB"),
];
if (rest > 0) aims.push(atMost("RSS at rest (an aim too)", rested.rss, rssAim, "MiB"));
printTargets([...aims, ...targets], []);
process.exit(targets.every(({ met }) => met) ? 0 : 1);
