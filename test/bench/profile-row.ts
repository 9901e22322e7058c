/** Where the time of a small request goes: V8's samples of the running gateway, summed up by part of the program. */
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Load } from "./load-client.ts";
import { orderFor, SMALL } from "./request-rows.ts";
import { type Server, startSluice, timesOf } from "./servers.ts";

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Compiled long before, so that the samples are of its usual pace. */
const WARM_MS = 8000;
const SAMPLE_US = 150;
const SHOWN = 14;

/** Prints microseconds per request, by room and by native call. */
export async function profileRequests(load: Load, upstream: Server, node: string, ms: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-profile-"));
  try {
    const flags = ["--cpu-prof", `--cpu-prof-interval=${SAMPLE_US}`, `--cpu-prof-dir=${folder}`];
    const bundle = "dist/sluice.cjs";
    const server = await startSluice({ node, upstream, tls: false, bundle, flags });
    const warm = await load.send(orderFor(server, SMALL, 16, WARM_MS));
    const before = timesOf(server.pid);
    const { count } = await load.send(orderFor(server, SMALL, 16, ms));
    const after = timesOf(server.pid);
    server.child.kill("SIGTERM");
    await once(server.child, "exit");
    const [file] = readdirSync(folder);
    if (file === undefined) throw new Error("the gateway wrote no profile");
    const profile = JSON.parse(readFileSync(join(folder, file), "utf8")) as Profile;
    const user = (after.user - before.user) / count;
    const system = (after.system - before.system) / count;
    console.log(
      `\nwhere a request's ${(user + system).toFixed(0)} us go (user ${user.toFixed(0)}, system ${system.toFixed(0)}; 16 connections, all of ${warm.count + count} requests sampled)`,
    );
    for (const [name, share] of sumUp(profile, roomsOf(readFileSync(bundle, "utf8"))).slice(0, SHOWN)) {
      console.log(
        `${(share * (user + system)).toFixed(1).padStart(7)} us ${(share * 100).toFixed(0).padStart(4)} %  ${name}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** For each line of the bundle the part of the program it came from: esbuild writes every file's name above it. */
function roomsOf(bundle: string): string[] {
  let room = "bundle";
  return bundle.split("\n").map((line) => {
    const found = /^\/\/ (?:src\/([\w-]+)\/|node_modules\/((?:@[\w-]+\/)?[\w.-]+)\/)/.exec(line);
    if (found !== null) room = found[1] === undefined ? (found[2] ?? "") : `src/${found[1]}`;
    return room;
  });
}

/** Shares of the time that was not idle, the largest first. */
function sumUp(profile: Profile, rooms: readonly string[]): [name: string, share: number][] {
  const nameOf = new Map(profile.nodes.map(({ id, callFrame }) => [id, partOf(callFrame, rooms)]));
  const sums = new Map<string, number>();
  let total = 0;
  profile.samples.forEach((id, index) => {
    const name = nameOf.get(id) ?? "";
    if (name === "") return;
    const time = profile.timeDeltas[index] ?? 0;
    total += time;
    sums.set(name, (sums.get(name) ?? 0) + time);
  });
  return [...sums].map(([name, time]): [string, number] => [name, time / total]).sort((a, b) => b[1] - a[1]);
}

/** "" = not the program's own time. */
function partOf({ functionName, url, lineNumber }: CallFrame, rooms: readonly string[]): string {
  if (functionName === "(idle)" || functionName === "(root)") return "";
  if (url.endsWith("sluice.cjs")) return rooms[lineNumber] ?? "bundle";
  if (url.startsWith("node:")) return `node's own JavaScript`;
  return functionName === "" ? "native calls without a name (uWebSockets.js)" : `native: ${functionName}`;
}
