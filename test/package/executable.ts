/** The single executables start and answer where people put them: any user, noexec /tmp, read-only root. `ARCH=x64|arm64`. */
import { deepEqual, equal, match } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { debianRoot } from "../../build/debian.mjs";
import { NODE_VERSION } from "../../build/runtime.mjs";
import { ask, askStream, type Daemon, freePort, startDaemon } from "./support/daemon.ts";
import { asUser, onArm64, withMounts } from "./support/sandbox.ts";

const NOBODY = 65534;
const arch = process.env["ARCH"] === "arm64" ? "arm64" : "x64";
// Copied away: beside the checkout's node_modules it would find the addon there.
const folder = mkdtempSync("/opt/sluice-");
process.on("exit", () => rmSync(folder, { recursive: true }));
chmodSync(folder, 0o755);
const file = join(folder, "sluice");
copyFileSync(`dist/sluice-linux-${arch}`, file);
const run = arch === "x64" ? [file] : onArm64(await debianRoot("arm64"), [file]);

async function serve(
  wrap: (command: string[]) => string[],
  env: Record<string, string> = {},
): Promise<Daemon> {
  const port = await freePort();
  const command = [...run, "serve", "--no-config", "--host", "127.0.0.1", "--port", String(port)];
  return startDaemon(wrap(command), { port, env });
}

/** Health, a streamed answer, a clean end. */
async function check(daemon: Daemon, engine: RegExp): Promise<void> {
  try {
    await checkAnswers(daemon, engine);
  } finally {
    daemon.kill();
  }
}

async function checkAnswers(daemon: Daemon, engine: RegExp): Promise<void> {
  const health = await ask(daemon.port, "/health");
  equal(health.status, 200, health.body);
  const answer = await askStream(daemon.port);
  equal(answer.status, 200, answer.body);
  match(answer.body, /^data: \{/m);
  match(answer.body, /data: \[DONE\]\s*$/);
  const version = await ask(daemon.port, "/status");
  match(`${daemon.output()}${version.body}`, engine);
  equal(await daemon.stop(), 0, daemon.output());
}

const NATIVE = /"engine":\s*"hyper-express"/;
/** What may be executed from, turned off everywhere the addon could be unpacked to. */
const noexec = (folder: string) => `mount -t tmpfs -o noexec tmpfs ${folder}`;
const READ_ONLY = [
  "mount --bind / /mnt",
  "mount -o remount,bind,ro /mnt",
  "mount --rbind /proc /mnt/proc",
  "mount --rbind /dev /mnt/dev",
  "mount -t tmpfs -o mode=1777 tmpfs /mnt/tmp",
];

test(`${arch}: tells version, commit, Node and engine`, () => {
  const [program = "", ...args] = run;
  const text = execFileSync(program, [...args, "version"], { encoding: "utf8" });
  match(text, new RegExp(`\\b${NODE_VERSION.replaceAll(".", "\\.")}\\b`));
  match(text, /\d+\.\d+\.\d+/);
});

test(`${arch}: starts, answers /health, streams a completion, stops on SIGTERM`, async () => {
  await check(await serve((command) => command), NATIVE);
});

test(`${arch}: the same as a user without rights, leaving nothing in /tmp`, async () => {
  const before = readdirSync("/tmp");
  await check(await serve((command) => asUser(NOBODY, command)), NATIVE);
  const left = readdirSync("/tmp").filter((name) => name.startsWith("sluice-") && !before.includes(name));
  deepEqual(left, []);
});

test(`${arch}: the same with a noexec /tmp`, async () => {
  await check(await serve((command) => withMounts([noexec("/tmp")], command)), NATIVE);
});

// qemu-user maps guest code without PROT_EXEC, so noexec does not reach it.
const emulated = arch !== process.arch;
test(`${arch}: with nothing that may be executed from, the node engine serves and says why`, {
  skip: emulated,
}, async () => {
  const mounts = ["/tmp", "/dev/shm", "/run", "/var/tmp"].map(noexec);
  const daemon = await serve((command) => withMounts(mounts, command));
  await check(daemon, /(failed to map segment|not permitted)[\s\S]*"engine":\s*"node"/i);
});

test(`${arch}: the same on a read-only root`, async () => {
  const wrap = (command: string[]) => withMounts(READ_ONLY, ["chroot", "/mnt", ...asUser(NOBODY, command)]);
  await check(await serve(wrap), NATIVE);
});

test(`${arch}: healthcheck ends with 0 while it serves and 1 when it does not`, async () => {
  const daemon = await serve((command) => command);
  const [program = "", ...args] = run;
  const health = (port: number) => {
    try {
      execFileSync(program, [...args, "healthcheck", "--url", `http://127.0.0.1:${port}`], {
        stdio: "ignore",
      });
      return 0;
    } catch (error) {
      return (error as { status?: number }).status;
    }
  };
  try {
    equal(health(daemon.port), 0);
    await daemon.stop();
    equal(health(daemon.port), 1);
  } finally {
    daemon.kill();
  }
});
