/**
 * Callers that are gone without a word (a closed laptop, a pulled cable): nothing is reset and no packet comes back. Every
 * request of theirs ends in bounded time. In a network namespace of its own, where the kernel gives up after 3
 * retransmissions; everywhere else after 15, about a quarter of an hour.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makePlace, startServe } from "../cli/support/program.ts";
import { openaiChatEvents } from "../support/openai-answers.ts";
import { type ReceivedRequest, type Step, startUpstream } from "../support/scripted-upstream.ts";

const INSIDE = "SLUICE_TEST_NETWORK";
const HERE = "10.99.0.1";
const CLIENT = "10.99.0.2";

/** Takes lines `PORT TEXT` (TEXT in base64) and sends each text on a connection of its own. */
const CALLERS = `
const net = require("node:net");
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const [port, text] = line.split(" ");
  const socket = net.connect(Number(port), "${HERE}", () => socket.write(Buffer.from(text, "base64")));
  socket.on("error", () => {});
  socket.resume();
});
console.log("ready");
`;

const SLOW = openaiChatEvents({ text: "word" })[1] ?? "";

function play(request: ReceivedRequest): { on: "head"; steps: Step[] } {
  const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
  const kind = request.header("openai-kind");
  if (kind === "slow")
    return { on: "head", steps: [{ send: head }, ...many(400, { chunk: SLOW }, { waitMs: 300 })] };
  if (kind === "fast") {
    const event = SLOW.replace("word", "word".repeat(4000));
    return { on: "head", steps: [{ send: head }, ...many(2000, { chunk: event })] };
  }
  return { on: "head", steps: ["stall"] };
}

function many(times: number, ...steps: Step[]): Step[] {
  return Array.from({ length: times }, () => steps).flat();
}

function head(path: string, kind: string, length: number): string {
  return `POST ${path} HTTP/1.1\r\nhost: h\r\nopenai-kind: ${kind}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
}

function asks(path: string, kind: string, stream: boolean): string {
  const body = JSON.stringify({ model: "m", stream, messages: [{ role: "user", content: "hi" }] });
  return head(path, kind, body.length) + body;
}

/** Each is under way when its caller vanishes. */
const REQUESTS = {
  "a stream of a word now and then": asks("/v1/chat/completions", "slow", true),
  "a stream that fills every buffer": asks("/v1/chat/completions", "fast", true),
  "a stream that has not begun": asks("/v1/chat/completions", "silent", true),
  "a whole answer that is not there yet": asks("/v1/chat/completions", "silent", false),
  "half a body": head("/v1/chat/completions", "silent", 10_000) + "{".repeat(5000),
  "half a body that is passed on as it comes": head("/raw/v1/files", "silent", 10_000) + "{".repeat(5000),
  "a stream that is passed on as it comes": asks("/raw/v1/chat/completions", "slow", true),
};

if (process.env[INSIDE] === undefined) {
  const allowed = spawnSync("unshare", ["-rn", "ip", "link", "set", "lo", "up"]).status === 0;
  test("callers that vanish", { skip: allowed ? false : "no network namespaces here" }, () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const node = [process.execPath, "--enable-source-maps", "--test-reporter=tap", process.argv[1] ?? ""];
    const { status, stdout } = spawnSync("unshare", ["-rn", "--kill-child", ...node], {
      env: { ...env, [INSIDE]: "1" },
      encoding: "utf8",
      timeout: 200_000,
    });
    assert.equal(status, 0, stdout);
    assert.match(stdout, /^# pass 2$/m);
  });
} else {
  ip("link set lo up");
  writeFileSync("/proc/sys/net/ipv4/tcp_retries2", "3");
  for (const engine of ["node", "hyper-express"]) {
    test(`${engine}: nothing of a vanished caller is left`, async (t) => {
      const upstream = await startUpstream(play, { early: true });
      t.after(() => upstream.close());
      const place = makePlace(t);
      place.write("config.toml", config(engine, upstream.url));
      const sluice = await startServe(t, place, ["-c", "config.toml", "--host", "0.0.0.0", "--port", "0"]);
      assert.equal(sluice.engine, engine);
      const callers = await startCallers(t);
      for (const text of Object.values(REQUESTS))
        callers.stdin?.write(`${sluice.port} ${Buffer.from(text).toString("base64")}\n`);
      // This question is a request too.
      const all = Object.keys(REQUESTS).length + 1;
      await until(sluice.port, 5, ({ connections }) => connections.requests === all);
      // Long enough for the fast one to fill what there is to fill.
      await sleep(1500);
      inPeer(callers, "addr flush dev c0");
      await until(sluice.port, 45, ({ connections, memory, totals }) => {
        const mine = connections.requests === 1 && totals.active === 0;
        return mine && connections.upstream_open === 0 && memory.bodies.used_bytes === 0;
      });
    });
  }
}

interface Status {
  readonly connections: { clients: number; requests: number; upstream_open: number; upstream_idle: number };
  readonly memory: { readonly bodies: { readonly used_bytes: number } };
  readonly totals: { readonly active: number };
}

async function statusOf(port: number): Promise<Status> {
  return (await (await fetch(`http://127.0.0.1:${port}/status`)).json()) as Status;
}

async function until(port: number, seconds: number, fits: (status: Status) => boolean): Promise<void> {
  const began = performance.now();
  for (;;) {
    const status = await statusOf(port);
    if (fits(status)) return;
    assert.ok(performance.now() - began < seconds * 1000, JSON.stringify(status));
    await sleep(100);
  }
}

function config(engine: string, upstream: string): string {
  return `[server]
engine = "${engine}"
[timeouts]
client_stall = "8s"
commit = "2s"
answer = "20s"
[provider.a]
base_url = "${upstream}/v1"
api_key = "k"
prefix = "/raw"
[model.m]
targets = [{ provider = "a", model = "x" }]
`;
}

function ip(command: string): void {
  execFileSync("ip", command.split(" "));
}

function inPeer(peer: ChildProcess, command: string): void {
  execFileSync("nsenter", ["-t", String(peer.pid), "-n", "ip", ...command.split(" ")]);
}

/** A process in a namespace of its own, joined to this one by a cable. */
async function startCallers(context: Pick<TestContext, "after">): Promise<ChildProcess> {
  const peer = spawn("unshare", ["-n", process.execPath, "-e", CALLERS], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  context.after(() => {
    spawnSync("ip", ["link", "delete", "s0"]);
    peer.kill("SIGKILL");
  });
  if (peer.stdout !== null) await once(peer.stdout, "data");
  ip("link add s0 type veth peer name c0");
  ip(`link set c0 netns ${peer.pid}`);
  ip(`addr add ${HERE}/24 dev s0`);
  ip("link set s0 up");
  inPeer(peer, `addr add ${CLIENT}/24 dev c0`);
  inPeer(peer, "link set c0 address 02:00:00:00:00:02");
  inPeer(peer, "link set c0 up");
  // Else the neighbour's silence is told as an error of its own.
  ip(`neigh replace ${CLIENT} lladdr 02:00:00:00:00:02 nud permanent dev s0`);
  return peer;
}
