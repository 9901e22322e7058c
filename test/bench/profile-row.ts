/** Where the time of a small request goes: V8's samples of the running gateway, summed up by part of the program. */
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Load } from "./load-client.ts";
import { orderFor, SMALL } from "./request-rows.ts";
import { type Server, startSluice, timesOf } from "./servers.ts";

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
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

export interface ProfileOptions {
  readonly load: Load;
  readonly upstream: Server;
  readonly node: string;
  readonly tls: boolean;
  readonly ms: number;
}

/** Prints microseconds per request, by room and by native call. Needs the bundle's source map. */
export async function profileRequests({ load, upstream, node, tls, ms }: ProfileOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-profile-"));
  try {
    const flags = ["--cpu-prof", `--cpu-prof-interval=${SAMPLE_US}`, `--cpu-prof-dir=${folder}`];
    const bundle = "dist/sluice.cjs";
    const server = await startSluice({ node, upstream, tls, bundle, flags });
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
      `\nwhere a request's ${tls ? "(over TLS) " : ""}${(user + system).toFixed(0)} us go (user ${user.toFixed(0)}, system ${system.toFixed(0)}; 16 connections, all of ${warm.count + count} requests sampled)`,
    );
    for (const [name, share] of sumUp(profile, roomsOf(`${bundle}.map`)).slice(0, SHOWN)) {
      console.log(
        `${(share * (user + system)).toFixed(1).padStart(7)} us ${(share * 100).toFixed(0).padStart(4)} %  ${name}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The part of the program that a place of the bundle came from. */
type RoomOf = (frame: CallFrame) => string;

function roomsOf(file: string): RoomOf {
  const map = new SourceMap(JSON.parse(readFileSync(file, "utf8")) as SourceMapPayload);
  return ({ lineNumber, columnNumber }) => {
    const entry = map.findEntry(lineNumber, columnNumber);
    const source = "originalSource" in entry ? entry.originalSource : "";
    const [, room, dependency] =
      /(?:^|\/)(?:src\/([\w-]+)\/|node_modules\/((?:@[\w-]+\/)?[\w.-]+)\/)/.exec(source) ?? [];
    return room === undefined ? (dependency ?? "bundle") : `src/${room}`;
  };
}

/** Shares of the time that was not idle, the largest first. */
function sumUp(profile: Profile, roomOf: RoomOf): [name: string, share: number][] {
  const nameOf = new Map(profile.nodes.map(({ id, callFrame }) => [id, partOf(callFrame, roomOf)]));
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
function partOf(frame: CallFrame, roomOf: RoomOf): string {
  const { functionName, url } = frame;
  if (functionName === "(idle)" || functionName === "(root)") return "";
  if (url.endsWith("sluice.cjs")) return roomOf(frame);
  if (url.startsWith("node:")) return `node's own JavaScript`;
  return functionName === "" ? "native calls without a name (uWebSockets.js)" : `native: ${functionName}`;
}
