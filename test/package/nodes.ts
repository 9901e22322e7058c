/** The bundle on every Node people have: 22 and 24 with the native engine, and the node engine where no addon loads. */
import { equal, match } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { fetchNode } from "../../build/node-binary.mjs";
import { BUILD_NODE_SHA256, BUILD_NODE_VERSION, NODE_SHA256, NODE_VERSION } from "../../build/runtime.mjs";
import { ask, askStream, freePort, startDaemon } from "./support/daemon.ts";

/** Away from the checkout's node_modules there is no addon. */
const alone = mkdtempSync(join(tmpdir(), "sluice-alone-"));
process.on("exit", () => rmSync(alone, { recursive: true }));
copyFileSync("dist/sluice.cjs", join(alone, "sluice.cjs"));

async function check(node: string, bundle: string, engine: string): Promise<void> {
  const port = await freePort();
  const args = [bundle, "serve", "--no-config", "--host", "127.0.0.1", "--port", String(port)];
  const daemon = await startDaemon([node, ...args], { port, env: {} });
  try {
    equal((await ask(port, "/health")).status, 200);
    match((await askStream(port)).body, /data: \[DONE\]/);
    match((await ask(port, "/status")).body, new RegExp(`"engine":"${engine}"`));
    equal(await daemon.stop(), 0, daemon.output());
  } finally {
    daemon.kill();
  }
}

const OTHERS = [
  [BUILD_NODE_VERSION, BUILD_NODE_SHA256.x64],
  [NODE_VERSION, NODE_SHA256.x64],
] as const;

for (const [version, sha256] of OTHERS) {
  test(`Node ${version}: the native engine, and the node engine without the addon`, async () => {
    const { node } = await fetchNode({ version, arch: "x64", sha256 });
    await check(node, resolve("dist/sluice.cjs"), "hyper-express");
    await check(node, join(alone, "sluice.cjs"), "node");
  });
}

test(`Node ${NODE_VERSION}, which is shipped: the tests of gateway, upstream client and HTTP`, async () => {
  const { node } = await fetchNode({ version: NODE_VERSION, arch: "x64", sha256: NODE_SHA256.x64 });
  const files = ["gateway", "http", "upstream"].flatMap((room) =>
    readdirSync(join("test", room))
      .filter((name) => name.endsWith(".test.ts") && !name.endsWith(".long.test.ts"))
      .map((name) => join("test", room, name)),
  );
  // Not as a part of this run: the runner would wait for a report. With the small new space that is shipped.
  const { NODE_TEST_CONTEXT: _, ...rest } = process.env;
  const env = { ...rest, NODE_OPTIONS: "--max-semi-space-size=2" };
  const args = ["build/test.mjs", "--test-reporter=tap", ...files];
  const { status, stdout, stderr } = spawnSync(node, args, { env, encoding: "utf8", maxBuffer: 64 << 20 });
  equal(status, 0, `${stdout.match(/^ *not ok .*$/gm)?.join("\n")}\n${stderr}`);
  match(stdout, /^# fail 0$/m);
});

test(`Node ${process.versions.node}, this machine's: the same`, async () => {
  await check(process.execPath, resolve("dist/sluice.cjs"), "hyper-express");
  await check(process.execPath, join(alone, "sluice.cjs"), "node");
});
