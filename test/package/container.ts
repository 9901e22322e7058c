/** The container's content without a container engine: the Containerfile's own steps, then a chroot of what it copies. */
import { equal, match } from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ask, askStream, freePort, startDaemon } from "./support/daemon.ts";
import { inRoot } from "./support/sandbox.ts";

const USER = 853;
const text = readFileSync("build/container/Containerfile", "utf8").replace(/\\\n/g, " ");
const root = mkdtempSync("/opt/sluice-container-");
chmodSync(root, 0o755);
process.on("exit", () => rmSync(root, { recursive: true }));

test("the image holds the executable and its libraries, runs without rights, and reports its health", async () => {
  const steps = /^RUN (.*)$/m.exec(text)?.[1] ?? "";
  const script = steps
    .replace(/apt-get update;|apt-get install [^;]*;/g, "")
    .replaceAll("/image", root)
    .replaceAll('"/dist/', `"${process.cwd()}/dist/`);
  execFileSync("sh", ["-c", script], { env: { PATH: process.env["PATH"] ?? "", TARGETARCH: "amd64" } });
  for (const folder of ["proc", "dev"]) mkdirSync(join(root, folder), { recursive: true });
  const settings = [...text.matchAll(/([A-Z_]+)=("[^"]*"|[^\s"]+)/g)].map(([, name = "", value = ""]) => [
    name,
    value.replaceAll('"', ""),
  ]);
  const env = Object.fromEntries(settings.filter(([name]) => /^(MALLOC|NODE|RUNTIME)/.test(name ?? "")));
  equal(Object.keys(env).length, 6);
  match(text, new RegExp(`^USER ${USER}:${USER}$`, "m"));
  const check = /HEALTHCHECK .* CMD (\[.*\])$/m.exec(text)?.[1] ?? "[]";
  const [program, ...checkArgs] = JSON.parse(check) as string[];
  equal(program, "/usr/bin/sluice");

  const port = await freePort();
  const args = ["serve", "--no-config", "--host", "127.0.0.1", "--port", String(port)];
  const daemon = await startDaemon(inRoot(root, USER, ["/usr/bin/sluice", ...args]), { port, env });
  try {
    equal((await ask(port, "/health")).status, 200);
    match((await askStream(port)).body, /data: \[DONE\]/);
    const health = () => {
      const [command = "", ...rest] = inRoot(root, USER, [program ?? "", ...checkArgs]);
      return spawnSync(command, rest, { env: { PATH: process.env["PATH"] ?? "", ...env } }).status;
    };
    equal(health(), 0, "the daemon is found by itself");
    equal(await daemon.stop(), 0);
    equal(health(), 1);
  } finally {
    daemon.kill();
  }
});
