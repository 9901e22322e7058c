/** A long stream through the gateway to a reader that takes a pause: what memory it costs, and whether all of it arrives. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { EngineKind } from "../../../src/http/engine.ts";
import { failoverConfig, startGateway } from "../../support/gateway.ts";

export interface Reading {
  /** Growth of this process's resident memory from before the request to the end of the pause, bytes. */
  readonly growth: number;
  /** What the upstream had got rid of during the pause, bytes. */
  readonly sentInPause: number;
  /** Content events that arrived. */
  readonly events: number;
  /** None is missing and none came twice. */
  readonly ordered: boolean;
  readonly done: boolean;
}

/** Runs in a process of its own, so that its buffers are not counted. Tells on each GET how many bytes it wrote. */
const UPSTREAM = `
const http = require("node:http");
let sent = 0;
const server = http.createServer((request, response) => {
  if (request.method === "GET") { response.end(String(sent)); return; }
  const events = Number(request.headers["openai-events"]);
  request.resume();
  response.writeHead(200, { "content-type": "text/event-stream" });
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

export async function readSlowly(engine: EngineKind, events: number, pauseMs: number): Promise<Reading> {
  const child = spawn(process.execPath, ["-e", UPSTREAM], { stdio: ["ignore", "pipe", "inherit", "ipc"] });
  try {
    const url = `http://127.0.0.1:${await portOf(child)}`;
    const sluice = await startGateway(failoverConfig([url]), { engine });
    try {
      // Once at full speed: what is allocated only once is there before anything is measured.
      await read(sluice.url, Math.min(events, 4000), 0, url);
      return await read(sluice.url, events, pauseMs, url);
    } finally {
      await sluice.close();
    }
  } finally {
    child.kill();
  }
}

async function portOf(child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new Error("the upstream has no output");
  const [line] = await once(child.stdout, "data");
  return Number(String(line).trim());
}

async function read(gateway: string, events: number, pauseMs: number, upstream: string): Promise<Reading> {
  globalThis.gc?.();
  const rss = process.memoryUsage.rss();
  const body = JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "hi" }] });
  const request = httpRequest(`${gateway}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "openai-events": events },
  });
  request.end(body);
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
  let growth = 0;
  let sentInPause = 0;
  if (pauseMs > 0) {
    await sleep(500); // what the kernel's buffers and the gateway take at once
    const sent = () => fetch(upstream).then(async (answer) => Number(await answer.text()));
    const before = await sent();
    await sleep(pauseMs);
    globalThis.gc?.();
    growth = process.memoryUsage.rss() - rss;
    sentInPause = (await sent()) - before;
  }
  response.on("data", look);
  await once(response, "end");
  return { growth, sentInPause, ...seen };
}
