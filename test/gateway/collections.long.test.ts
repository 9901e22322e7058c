/** A request's garbage dies young: what ends among the old things has the whole heap collected again and again, and compiled code goes with it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { test } from "node:test";
import { makePlace, startServe } from "../cli/support/program.ts";
import { failoverConfig } from "../support/gateway.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const WARM = 10_000;
const REQUESTS = 20_000;
const CONNECTIONS = 16;
const BODY = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }], temperature: 0.2 });

/** More is promoted while V8 still compiles; what it puts among the old things by mistake is 700 bytes of each request. */
const MOST_PROMOTED = 300;

/** Runs inside the gateway's process: keeps in a file by how much the old space has grown in all. */
const WATCH = `
const { getHeapSpaceStatistics } = require("node:v8");
const { writeFileSync } = require("node:fs");
const used = () => getHeapSpaceStatistics().find((space) => space.space_name === "old_space").space_used_size;
let grown = 0;
let last = used();
setInterval(() => {
  const now = used();
  grown += Math.max(0, now - last);
  last = now;
  writeFileSync(process.env.GROWN, String(grown));
}, 50).unref();
`;

function post(agent: Agent, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        agent,
        port,
        host: "127.0.0.1",
        method: "POST",
        path: "/v1/chat/completions",
        headers: { "content-type": "application/json", "content-length": BODY.length },
      },
      (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode ?? 0));
      },
    );
    sent.on("error", reject);
    sent.end(BODY);
  });
}

test("20,000 requests: hardly a byte of them outlives two collections of young objects", {
  timeout: 300_000,
}, async (t) => {
  const upstream = await startUpstream(openaiChat());
  t.after(() => upstream.close());
  const place = makePlace(t);
  const config = failoverConfig([upstream.url, upstream.url], '[server]\nengine = "hyper-express"\n');
  place.write("config.toml", config.replace('"failover"', '"latency"'));
  const watch = place.write("watch.cjs", WATCH);
  const file = place.write("grown", "0");
  const sluice = await startServe(t, place, ["-c", "config.toml", "--port", "0"], {
    NODE_OPTIONS: `--max-old-space-size=64 --max-semi-space-size=2 --require=${watch}`,
    GROWN: file,
  });
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  t.after(() => agent.destroy());
  const load = async (count: number) => {
    let left = count;
    const one = async () => {
      while (left-- > 0) assert.equal(await post(agent, sluice.port), 200);
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, one));
  };
  await load(WARM);
  const before = Number(readFileSync(file, "utf8"));
  await load(REQUESTS);
  const each = (Number(readFileSync(file, "utf8")) - before) / REQUESTS;
  t.diagnostic(`${each.toFixed(0)} bytes of a request`);
  assert.ok(each < MOST_PROMOTED, `${each.toFixed(0)} bytes of each request were promoted`);
});
