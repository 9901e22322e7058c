/** The npm package, installed from its tarball into an empty folder with an empty cache and no network. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { before, test } from "node:test";
import { ask, askStream, freePort, startDaemon } from "./support/daemon.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-npm-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
const { name, version } = JSON.parse(readFileSync("package.json", "utf8")) as {
  name: string;
  version: string;
};
const tarball = resolve(`dist/${name}-${version}.tgz`);
const env = { PATH: process.env["PATH"] ?? "", HOME: folder, npm_config_cache: join(folder, "cache") };
const run = (program: string, args: string[]) =>
  execFileSync(program, args, { cwd: folder, env, encoding: "utf8" });

before(() => {
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball]);
});

test("brings nothing but itself", () => {
  const installed = readdirSync(join(folder, "node_modules")).filter((entry) => !entry.startsWith("."));
  deepEqual(installed, [name]);
  const own = join(folder, "node_modules", name);
  const { dependencies } = JSON.parse(readFileSync(join(own, "package.json"), "utf8")) as {
    dependencies: object;
  };
  deepEqual(dependencies, {});
  deepEqual(
    readdirSync(own).filter((file) => file.endsWith(".node")),
    ["uws_linux_arm64_137.node", "uws_linux_x64_137.node"],
  );
});

test("npx runs it", () => {
  match(run("npx", ["--no-install", name, "--version"]), new RegExp(version.replaceAll(".", "\\.")));
});

test("it serves on this machine's Node, with the node engine where there is no addon for it", async () => {
  const port = await freePort();
  const bin = join(folder, "node_modules/.bin", name);
  const args = ["serve", "--no-config", "--host", "127.0.0.1", "--port", String(port)];
  const daemon = await startDaemon([bin, ...args], { port, env, cwd: folder });
  try {
    equal((await ask(port, "/health")).status, 200);
    match((await askStream(port)).body, /data: \[DONE\]/);
    equal(await daemon.stop(), 0);
  } finally {
    daemon.kill();
  }
});

const hasLibrary = existsSync("src/index.ts");
test("the library is imported, from ES modules and from CommonJS, and has types", {
  skip: !hasLibrary,
}, () => {
  const script = `const m = await import("${name}"); process.stdout.write(Object.keys(m).join(" "))`;
  match(run(process.execPath, ["--input-type=module", "-e", script]), /createPool/);
  match(
    run(process.execPath, ["-e", `process.stdout.write(Object.keys(require("${name}")).join(" "))`]),
    /createPool/,
  );
  const use = `import { createPool } from "${name}"; createPool satisfies Function;\n`;
  writeFileSync(join(folder, "use.ts"), use);
  const tsc = resolve("node_modules/.bin/tsc");
  const options = [
    "--noEmit",
    "--strict",
    "--module",
    "nodenext",
    "--target",
    "es2022",
    "--skipLibCheck",
    "--types",
    "",
  ];
  ok(execFileSync(tsc, [...options, "use.ts"], { cwd: folder, encoding: "utf8" }) === "");
});
