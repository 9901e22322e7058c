/** The npm package, installed from its tarball into an empty folder with an empty cache and no network. */
import { deepEqual, equal, match } from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

const NAMES = [
  "createPool",
  "request",
  "requestStream",
  "estimateTokens",
  "isPrivateAddress",
  "resolvePublic",
  "classifyError",
  "Failure",
];
/** Asks the demo provider through a pool and prints what came. */
const USE = `
  const pool = createPool([{ demo: { latency: "0ms", tokensPerSecond: 10000 }, model: "demo" }]);
  const body = { max_tokens: 9, messages: [{ role: "user", content: "hi" }] };
  const use = async () => {
    const answer = await request(pool, body, { protocol: "anthropic" });
    let size = 0;
    for await (const chunk of requestStream(pool, body)) size += chunk.length;
    pool.close();
    process.stdout.write(\`\${answer.status} \${answer.body.type} \${answer.target} \${size > 0}\`);
  };`;

test("the library is imported and used from ES modules and from CommonJS", () => {
  const used = "200 message demo/demo true";
  const names = NAMES.join(", ");
  writeFileSync(join(folder, "use.mjs"), `import { ${names} } from "${name}";${USE}\nawait use();`);
  equal(run(process.execPath, ["use.mjs"]), used);
  writeFileSync(join(folder, "use.cjs"), `const { ${names} } = require("${name}");${USE}\nuse();`);
  equal(run(process.execPath, ["use.cjs"]), used);
  const exported = run(process.execPath, [
    "-e",
    `process.stdout.write(Object.keys(require("${name}")).join(" "))`,
  ]);
  deepEqual(exported.split(" ").sort(), [...NAMES].sort());
});

test("the library's types stand on their own, and tell a wrong call", () => {
  const options = [
    ...["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--module", "nodenext", "--target", "es2022"],
    ...["--typeRoots", resolve("node_modules/@types"), "--types", "node"],
  ];
  const good = `import { classifyError, createPool, Failure, request, requestStream, type Usage } from "${name}";
const pool = createPool([{ baseUrl: "https://x.example/v1", apiKey: "k", model: "m" }], { retries: 1 });
const answer = await request<{ id: string }>(pool, { messages: [] }, { protocol: "anthropic" });
const parts: [number, string, string, Usage | null] = [answer.status, answer.body.id, answer.target, answer.usage];
for await (const chunk of requestStream(pool, "{}", { signal: AbortSignal.timeout(5) })) chunk satisfies Uint8Array;
try { classifyError({ status: 500 }).cause satisfies string; } catch (e) { if (e instanceof Failure) e.code satisfies string; }
pool.close(); void parts;
`;
  const wrong = `import { createPool, request } from "${name}";
createPool([{ baseUrl: 7, model: "m" }]);
createPool([{ baseUrl: "x", modle: "m" }]);
request(createPool([]), {}, { protocol: "soap" });
`;
  writeFileSync(join(folder, "good.mts"), good);
  writeFileSync(join(folder, "wrong.mts"), wrong);
  const { stdout } = spawnSync(resolve("node_modules/.bin/tsc"), [...options, "good.mts", "wrong.mts"], {
    cwd: folder,
    encoding: "utf8",
  });
  const places = [...stdout.matchAll(/^(\S+)\((\d+),\d+\): error/gm)].map(
    ([, file, line]) => `${file}:${line}`,
  );
  deepEqual(places, ["wrong.mts:2", "wrong.mts:3", "wrong.mts:4"], stdout);
});
