/** The PID file among hostile and stale neighbours. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createPidFile, findRunning } from "../../src/cli/pid-file.ts";

const GATEWAY = { host: "::", port: 4000, metricsPort: 0, tls: false, config: "", drainTimeout: 30_000 };

function makeFolder(t: TestContext): { folder: string; env: Record<string, string> } {
  const folder = mkdtempSync(join(tmpdir(), "sluice-pid-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return { folder, env: { XDG_RUNTIME_DIR: folder } };
}

/** Only what this test's folder holds: other gateways may run on this machine. */
function findIn(env: Record<string, string>) {
  return findRunning(env)[0] ?? [];
}

test("what is written is found, and gone once removed", (t) => {
  const { folder, env } = makeFolder(t);
  const file = createPidFile(env);
  file.write(GATEWAY);
  equal(file.path, join(folder, "sluice.pid"));
  const [found] = findIn(env);
  deepEqual([found?.pid, found?.port, found?.host], [process.pid, 4000, "::"]);
  file.write({ ...GATEWAY, port: 5000 });
  equal(findIn(env)[0]?.port, 5000);
  file.remove();
  deepEqual([readdirSync(folder), file.path], [[], ""]);
});

test("entries of dead processes, and of living ones that began later, are passed over", async (t) => {
  const { folder, env } = makeFolder(t);
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "close");
  const write = (entry: object) => writeFileSync(join(folder, "sluice.pid"), JSON.stringify(entry));
  write({ pid: child.pid, ticks: "", ...GATEWAY });
  deepEqual(findIn(env), []);
  write({ pid: process.pid, ticks: "1", ...GATEWAY });
  deepEqual(findIn(env), []);
  createPidFile(env).write(GATEWAY);
  equal(findIn(env).length, 1);
});

test("what is no entry is passed over", (t) => {
  const { folder, env } = makeFolder(t);
  const path = join(folder, "sluice.pid");
  for (const text of [
    "",
    "123",
    "null",
    "[]",
    "{",
    '{"pid":1,"port":1,"host":""}',
    '{"pid":-1,"port":1,"host":""}',
    '{"pid":"9","port":1,"host":""}',
    "x".repeat(5000),
  ]) {
    writeFileSync(path, text);
    deepEqual(findIn(env), [], text.slice(0, 40));
  }
  rmSync(path);
  mkdirSync(path);
  deepEqual(findIn(env), []);
});

test("a symbolic link is neither read nor written through", (t) => {
  const { folder, env } = makeFolder(t);
  const target = join(folder, "target");
  const entry = JSON.stringify({ pid: process.pid, ticks: "", ...GATEWAY });
  writeFileSync(target, entry);
  symlinkSync(target, join(folder, "sluice.pid"));
  deepEqual(findIn(env), []);
  createPidFile(env).write(GATEWAY);
  equal(readFileSync(target, "utf8"), entry);
  equal(findIn(env).length, 1);
});

test("another gateway's entry is left alone", async (t) => {
  const { folder, env } = makeFolder(t);
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  t.after(() => child.kill("SIGKILL"));
  await once(child, "spawn");
  const usual = join(folder, "sluice.pid");
  const theirs = JSON.stringify({ pid: child.pid, ticks: "", ...GATEWAY });
  writeFileSync(usual, theirs);
  const file = createPidFile(env);
  file.write({ ...GATEWAY, port: 5000 });
  equal(readFileSync(usual, "utf8"), theirs);
  deepEqual(
    findIn(env)
      .map(({ port }) => port)
      .sort(),
    [4000, 5000],
  );
  file.remove();
  ok(existsSync(usual));
});

test("a file whose owner is not the process's is not believed", {
  skip: process.getuid?.() !== 0,
}, async (t) => {
  const { folder, env } = makeFolder(t);
  chmodSync(folder, 0o777);
  const { chownSync } = await import("node:fs");
  const path = join(folder, "sluice.pid");
  writeFileSync(path, JSON.stringify({ pid: process.pid, ticks: "", ...GATEWAY }));
  equal(findIn(env).length, 1);
  chownSync(path, 65534, 65534);
  deepEqual(findIn(env), []);
});
