/** After close() a pool holds nothing: no request, no socket, no timer, no process. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";
import { createPool, request, requestStream } from "../../src/index.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const HELLO = { messages: [{ role: "user", content: "hi" }] };

test("what is under way fails as pool_closed, its connection is closed, and what comes later is refused", async () => {
  const upstream = await startUpstream({ steps: ["stall"] });
  const pool = createPool([{ baseUrl: `${upstream.url}/v1`, apiKey: "k", model: "m" }]);
  try {
    const whole = request(pool, HELLO);
    const stream = requestStream(pool, HELLO).next();
    await upstream.received(2);
    pool.close();
    pool.close();
    await assert.rejects(whole, { name: "Failure", code: "pool_closed" });
    await assert.rejects(stream, { name: "Failure", code: "pool_closed" });
    await upstream.drained();
    await assert.rejects(request(pool, HELLO), { code: "pool_closed" });
    await assert.rejects(requestStream(pool, HELLO).next(), { code: "pool_closed" });
    assert.equal(upstream.connections, 2);
  } finally {
    await upstream.close();
  }
});

test("a program that used a pool ends by itself, at once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-library-"));
  const library = join(folder, "index.cjs");
  const answers = openaiChat({ text: "one two three" });
  const upstream = await startUpstream((asked) =>
    asked.body.includes("never") ? { steps: ["stall"] } : answers(asked),
  );
  try {
    await build({
      entryPoints: ["src/index.ts"],
      outfile: library,
      bundle: true,
      platform: "node",
      format: "cjs",
      target: "node20",
      logLevel: "warning",
    });
    const program = `
      const { createPool, request, requestStream, resolvePublic } = require(${JSON.stringify(library)});
      const body = { messages: [{ role: "user", content: "hi" }] };
      (async () => {
        const pool = createPool([{ baseUrl: ${JSON.stringify(`${upstream.url}/v1`)}, apiKey: "k", model: "m" }]);
        await request(pool, body);
        for await (const chunk of requestStream(pool, body)) break;
        for await (const chunk of requestStream(pool, body)) ;
        await resolvePublic("127.0.0.1").catch(() => {});
        const unanswered = [request(pool, { ...body, user: "never" }), requestStream(pool, { ...body, user: "never" }).next()];
        await new Promise((done) => setTimeout(done, 50));
        pool.close();
        await Promise.allSettled(unanswered);
        await new Promise((done) => setTimeout(done, 50));
        const held = process.getActiveResourcesInfo().filter((name) => !/^(TTY|Pipe|FS)/.test(name));
        process.stdout.write("held:" + held.join() + " at:" + Date.now());
      })();`;
    const { output, endedAt } = await run(program);
    const found = /^held:(.*) at:(\d+)$/.exec(output);
    assert.equal(found?.[1], "", output);
    const lag = endedAt - Number(found?.[2]);
    assert.ok(lag < 2000, `it lived on for ${lag} ms`);
  } finally {
    await upstream.close();
    rmSync(folder, { recursive: true });
  }
});

function run(program: string): Promise<{ readonly output: string; readonly endedAt: number }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    const deadline = setTimeout(() => child.kill("SIGKILL"), 20_000);
    let output = "";
    child.stdout.on("data", (piece) => {
      output += piece;
    });
    child.on("error", reject);
    child.on("close", () => {
      clearTimeout(deadline);
      resolve({ output, endedAt: Date.now() });
    });
  });
}
