/** Nothing is written to flash: a minute under load on a read-only root, every open file and every traced call looked at. `SECONDS=60`. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { ask, askStream, freePort, startDaemon } from "./support/daemon.ts";
import { asUser, withMounts } from "./support/sandbox.ts";

const seconds = Number(process.env["SECONDS"] ?? "60");
const USER = 65534;

/** Paths that a trace shows as opened for writing or changed otherwise, successful or not. */
function writtenPaths(trace: string): string[] {
  const paths = new Set<string>();
  for (const line of trace.split("\n")) {
    const opened = /\bopen(?:at)?\((?:[^,"]*, )?"([^"]*)", ([A-Z_|0-9]+)/.exec(line);
    if (
      opened?.[1] !== undefined &&
      /O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE/.test(opened[2] ?? "")
    )
      paths.add(opened[1]);
    const changed =
      /\b(?:mkdir|unlink|rename|link|symlink|chmod|chown|truncate|utimensat|mknod|rmdir)\w*\((?:AT_FDCWD, |\d+<[^>]*>, )?"([^"]*)"/.exec(
        line,
      );
    if (changed?.[1] !== undefined) paths.add(changed[1]);
  }
  return [...paths];
}

/** The trace once it is complete: strace runs apart from what it traces and ends a little later. */
async function readTrace(file: string, pid: number): Promise<string> {
  for (let tries = 0; tries < 500; tries++) {
    const text = readFileSync(file, "utf8");
    if (new RegExp(`^${pid} .*exited with`, "m").test(text)) return text;
    await wait(20);
  }
  throw new Error("the trace has no end");
}

const IN_MEMORY = /^\/(tmp|var|run|dev|proc)(\/|$)/;

test("the trace reader sees writes and only writes", () => {
  const trace = [
    'openat(AT_FDCWD, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 3',
    'openat(AT_FDCWD, "/etc/sluice/x", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = -1 EROFS',
    'open("/srv/y", O_RDWR) = 3',
    'rename("/srv/a", "/srv/b") = 0',
    'stat("/srv/c", {}) = 0',
  ].join("\n");
  deepEqual(writtenPaths(trace).sort(), ["/etc/sluice/x", "/srv/a", "/srv/y"]);
});

test(`nothing outside /tmp and /var is opened for writing in ${seconds} s under load`, async () => {
  const folder = mkdtempSync("/dev/shm/sluice-trace-");
  chmodSync(folder, 0o777);
  const trace = join(folder, "trace");
  const file = "/opt/sluice-under-test";
  spawnSync("cp", ["dist/sluice-linux-x64", file]);
  const mounts = [
    "mount --bind / /mnt",
    "mount -o remount,bind,ro /mnt",
    "mount --rbind /proc /mnt/proc",
    "mount --rbind /dev /mnt/dev",
    "mount -t tmpfs -o mode=1777 tmpfs /mnt/tmp",
    `mkdir /mnt/tmp/run && chown ${USER} /mnt/tmp/run`,
  ];
  const port = await freePort();
  const args = ["serve", "--no-config", "--host", "127.0.0.1", "--port", String(port)];
  const calls = "trace=%file";
  const traced = ["strace", "-D", "-f", "-q", "-o", trace, "-e", calls, file, ...args];
  const command = withMounts(mounts, ["chroot", "/mnt", ...asUser(USER, traced)]);
  const daemon = await startDaemon(command, { port, env: { RUNTIME_DIRECTORY: "/tmp/run" } });
  try {
    const body = JSON.stringify({
      model: "demo",
      messages: [{ role: "user", content: "x".repeat(16 * 1024) }],
    });
    const end = performance.now() + seconds * 1000;
    let answered = 0;
    const client = async () => {
      while (performance.now() < end) {
        const answer =
          answered % 8 === 0 ? await askStream(port) : await ask(port, "/v1/chat/completions", body);
        equal(answer.status, 200, answer.body);
        answered++;
      }
    };
    await Promise.all(Array.from({ length: 4 }, client));
    ok(answered > seconds, `${answered} requests`);
    equal(await daemon.stop(), 0, daemon.output());
    const written = writtenPaths(await readTrace(trace, daemon.pid));
    ok(written.length > 0, "the trace shows the addon's file at least");
    deepEqual(
      written.filter((path) => !IN_MEMORY.test(path)),
      [],
    );
  } finally {
    daemon.kill();
    rmSync(folder, { recursive: true });
    rmSync(file);
  }
});
