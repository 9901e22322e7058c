/** A long stream through the gateway to a reader that takes a pause: what memory it costs, and whether all of it arrives. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { get, request as httpRequest, type IncomingMessage } from "node:http";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { EngineKind } from "../../../src/http/engine.ts";
import { makePlace, type Running, startServe } from "../../cli/support/program.ts";
import { failoverConfig } from "../../support/gateway.ts";

export interface Reading {
  /** Growth of the gateway's own memory (RssAnon) from before the request to the end of the pause, bytes. */
  readonly growth: number;
  /** What the upstream had got rid of before the pause, bytes: all of it when nobody held it back. */
  readonly sentBefore: number;
  /** The same during the pause. */
  readonly sentInPause: number;
  /** Content events that arrived. */
  readonly events: number;
  /** None is missing and none came twice. */
  readonly ordered: boolean;
  readonly done: boolean;
}

/** Every package starts the gateway so; with V8's own 16 MB of young space nobody can tell garbage from what is held. */
const AS_SHIPPED = { NODE_OPTIONS: "--max-old-space-size=64 --max-semi-space-size=1" };
/** The upstream stands still when so many looks at what it sent found the same. */
const LOOKS_STILL = 16;
const LOOK_MS = 50;
const MOST_LOOKS = 400;

/**
 * Runs in a process of its own, so that its buffers are not counted. Tells on each GET how many bytes it wrote. Closes the
 * connection after each answer, as the reader does: the kernel lets the buffers of one that was read fast grow to 32 MiB.
 */
const UPSTREAM = `
const http = require("node:http");
let sent = 0;
const server = http.createServer((request, response) => {
  if (request.method === "GET") { response.end(String(sent)); return; }
  const events = Number(request.headers["openai-events"]);
  request.resume();
  response.writeHead(200, { "content-type": "text/event-stream", connection: "close" });
  let at = 0;
  sent = 0;
  const text = "x".repeat(900);
  const write = () => {
    while (at < events) {
      const chunk = "data: " + JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m",
        choices: [{ index: 0, delta: { content: at + ":" + text }, finish_reason: null }] }) + "\\n\\n";
      at++;
      sent += chunk.length;
      if (!response.write(chunk)) { response.once("drain", write); return; }
    }
    response.end("data: " + JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m",
      choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }) + "\\n\\ndata: [DONE]\\n\\n");
  };
  write();
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.on("disconnect", () => process.exit(0));
`;

/** A gateway in a process of its own too: what the reader here allocates is not the gateway's. */
export async function readSlowly(
  context: Pick<TestContext, "after">,
  engine: EngineKind,
  events: number,
  pauseMs: number,
): Promise<Reading> {
  const child = spawn(process.execPath, ["-e", UPSTREAM], { stdio: ["ignore", "pipe", "inherit", "ipc"] });
  context.after(() => child.kill());
  const upstream = `http://127.0.0.1:${await portOf(child)}`;
  const place = makePlace(context);
  place.write("config.toml", failoverConfig([upstream], `[server]\nengine = "${engine}"\n`));
  const sluice = await startServe(context, place, ["-c", "config.toml", "--port", "0"], AS_SHIPPED);
  assert.equal(sluice.engine, engine);
  // With a pause as well: what is allocated only once is there before anything is measured.
  for (let i = 0; i < 2; i++) await read(sluice, Math.min(events, 12_000), 100, upstream);
  return await read(sluice, events, pauseMs, upstream);
}

async function portOf(child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new Error("the upstream has no output");
  const [line] = await once(child.stdout, "data");
  return Number(String(line).trim());
}

/** RssAnon of a process, bytes: page cache of shared files comes and goes with what else the machine does. */
function ownMemory(pid: number): number {
  const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) * 1024;
}

async function sentSoFar(upstream: string): Promise<number> {
  const [answer] = (await once(get(upstream), "response")) as [IncomingMessage];
  const pieces: Buffer[] = await answer.toArray();
  return Number(Buffer.concat(pieces).toString());
}

/** What the upstream had sent when it stood still: the kernel's buffers and the gateway's are full. */
async function sentWhenFull(upstream: string): Promise<number> {
  let last = -1;
  let stood = 0;
  for (let looks = 0; looks < MOST_LOOKS; looks++) {
    const sent = await sentSoFar(upstream);
    stood = sent === last ? stood + 1 : 0;
    if (stood === LOOKS_STILL) return sent;
    last = sent;
    await sleep(LOOK_MS);
  }
  throw new Error(`the upstream never stood still: ${last} bytes and going on`);
}

async function read(gateway: Running, events: number, pauseMs: number, upstream: string): Promise<Reading> {
  const before = ownMemory(gateway.pid);
  const request = httpRequest(`http://127.0.0.1:${gateway.port}/v1/chat/completions`, {
    method: "POST",
    agent: false,
    headers: { "content-type": "application/json", "openai-events": events },
  });
  request.end(JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "hi" }] }));
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const seen = { events: 0, ordered: true, done: false };
  let rest = "";
  const look = (piece: Buffer) => {
    const blocks = (rest + piece.toString("latin1")).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const number = /"content":"(\d+):x/.exec(block)?.[1];
      if (block === "data: [DONE]") seen.done = true;
      if (number === undefined) continue;
      if (Number(number) !== seen.events) seen.ordered = false;
      seen.events++;
    }
  };
  const sentBefore = await sentWhenFull(upstream);
  await sleep(pauseMs);
  const growth = ownMemory(gateway.pid) - before;
  const sentInPause = (await sentSoFar(upstream)) - sentBefore;
  response.on("data", look);
  await once(response, "end");
  return { growth, sentBefore, sentInPause, ...seen };
}
