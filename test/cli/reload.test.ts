/** A configuration that changes while the gateway runs: by signal, by request, by the file itself. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ENGINES } from "../http/support/engines.ts";
import { ask } from "../support/ask.ts";
import { createSelfSigned } from "../support/tls.ts";
import {
  chatBody,
  makePlace,
  type Place,
  type Running,
  readPidFiles,
  runCommand,
  startServe,
} from "./support/program.ts";

interface Served extends Running {
  readonly place: Place;
  readonly path: string;
  write(server: string, aliases?: readonly string[]): void;
}

/** One demo provider under several aliases. */
function text(server: string, aliases: readonly string[] = ["one"]): string {
  const models = aliases.map((alias) => `${alias} = [{ provider = "demo", model = "demo" }]\n`).join("");
  return `[console]\nenabled = false\n[provider.demo]\ndemo = { tokens_per_second = 30 }\n[model]\n${models}[server]\nhost = "127.0.0.1"\n${server}\n`;
}

async function serveFile(t: TestContext, server: string): Promise<Served> {
  const place = makePlace(t);
  const path = place.write("config.toml", text(server));
  const running = await startServe(t, place, ["-c", path]);
  return Object.assign(Object.create(running), {
    place,
    path,
    write: (next: string, aliases?: readonly string[]) => writeFileSync(path, text(next, aliases)),
  }) as Served;
}

async function aliases(port: number): Promise<string[]> {
  const status = (await ask(port, "/status")).json() as { virtual_models: { alias: string }[] };
  return status.virtual_models.map(({ alias }) => alias);
}

const RELOADED = ({ msg }: { msg: string }) => msg === "configuration reloaded";
const REFUSED = ({ msg }: { msg: string }) => msg.startsWith("configuration not reloaded");

const WAYS = {
  "the file itself": () => {},
  SIGHUP: (gateway: Served) => gateway.signal("SIGHUP"),
  "POST /reload": async (gateway: Served) => {
    const answer = await ask(gateway.port, "/reload", { body: "{}" });
    deepEqual([answer.status, answer.json()], [200, { message: "configuration reloaded" }]);
  },
  "sluice reload": async (gateway: Served) => {
    equal((await runCommand(gateway.place, ["reload"])).out, "configuration reloaded\n");
  },
};

for (const [way, trigger] of Object.entries(WAYS)) {
  test(`${way}: a changed file is in force, what was learned is kept`, async (t) => {
    const gateway = await serveFile(t, "port = 0");
    await ask(gateway.port, "/v1/chat/completions", { body: chatBody({ model: "one" }) });
    gateway.write("port = 0", ["one", "two"]);
    await trigger(gateway);
    await gateway.line(RELOADED);
    deepEqual(await aliases(gateway.port), ["one", "two"]);
    const status = (await ask(gateway.port, "/status")).json() as {
      targets: { requests: number }[];
      config: { last_error: string | null };
    };
    equal(status.targets[0]?.requests, 1);
    equal(status.config.last_error, null);
  });
}

test("an invalid file changes nothing: 400 with every error, the log and /status tell it", async (t) => {
  const gateway = await serveFile(t, "port = 0");
  gateway.write('port = "x"\nprot = 1');
  const answer = await ask(gateway.port, "/reload", { body: "{}" });
  equal(answer.status, 400);
  const { error } = answer.json() as { error: { code: string; errors: string[] } };
  equal(error.code, "invalid_configuration");
  equal(error.errors.length, 2);
  match(error.errors.join("\n"), /server\.port.*\n.*server\.prot|server\.prot.*\n.*server\.port/);
  await gateway.line(REFUSED);
  deepEqual(await aliases(gateway.port), ["one"]);
  const { config } = (await ask(gateway.port, "/status")).json() as { config: { last_error: string } };
  match(config.last_error, /server\.port/);
  const told = await runCommand(gateway.place, ["reload"]);
  deepEqual([told.code, told.errors.length], [1, 2]);
});

test("a file that is gone keeps what runs; its return is noticed", async (t) => {
  const gateway = await serveFile(t, "port = 0");
  rmSync(gateway.path);
  equal((await ask(gateway.port, "/reload", { body: "{}" })).status, 400);
  deepEqual(await aliases(gateway.port), ["one"]);
  gateway.write("port = 0", ["back"]);
  await gateway.line(RELOADED);
  deepEqual(await aliases(gateway.port), ["back"]);
});

test("--host and --port hold over every reload", async (t) => {
  const place = makePlace(t);
  const path = place.write("config.toml", text("port = 4001"));
  const gateway = await startServe(t, place, ["-c", path, "--host", "127.0.0.1", "--port", "0"]);
  const { port } = gateway;
  writeFileSync(path, text("port = 4002", ["two"]));
  await gateway.line(RELOADED);
  deepEqual(await aliases(port), ["two"]);
});

for (const engine of ENGINES) {
  test(`${engine}: another port is listened on, a stream on the old one goes on`, async (t) => {
    const gateway = await serveFile(t, `port = 0\nengine = "${engine}"`);
    const old = gateway.port;
    const free = await freePort();
    const stream = ask(old, "/v1/chat/completions", { body: chatBody({ model: "one", stream: true }) });
    while (((await ask(old, "/status")).json()["totals"] as { active: number }).active === 0);
    gateway.write(`port = ${free}\nengine = "${engine}"`);
    await gateway.line(RELOADED);
    equal(gateway.port, free);
    equal((await ask(free, "/health")).status, 200);
    await rejects(ask(old, "/health"), /ECONNREFUSED/);
    match((await stream).body, /data: \[DONE\]\n\n$/);
    equal(readPidFiles(gateway.place)[0]?.["port"], free);
  });

  test(`${engine}: a port that is taken leaves everything as it was and is reported`, async (t) => {
    const gateway = await serveFile(t, `port = 0\nengine = "${engine}"`);
    const { port } = gateway;
    const blocker = createServer().listen(0, "127.0.0.1");
    t.after(() => blocker.close());
    await new Promise((resolve) => blocker.once("listening", resolve));
    const { port: taken } = blocker.address() as { port: number };
    gateway.write(`port = ${taken}\nengine = "${engine}"`, ["two"]);
    const refused = await gateway.line(REFUSED);
    match(refused.msg, /the port is in use by another program/);
    deepEqual(await aliases(port), ["one"]);
    const { config } = (await ask(port, "/status")).json() as { config: { last_error: string } };
    match(config.last_error, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${taken}`));
  });

  test(`${engine}: from all addresses to one, on the same port`, async (t) => {
    const place = makePlace(t);
    const free = await freePort();
    const file = (host: string) =>
      text(`port = ${free}\nengine = "${engine}"`).replace('host = "127.0.0.1"\n', host);
    const path = place.write("config.toml", file('bind_family = "ipv4"\n'));
    const gateway = await startServe(t, place, ["-c", path]);
    writeFileSync(path, file('host = "127.0.0.1"\n'));
    await gateway.line(RELOADED);
    equal(gateway.logs.findLast(({ msg }) => msg === "listening")?.["host"], "127.0.0.1");
    equal((await ask(free, "/health")).status, 200);
  });
}

test("another engine takes over the same port; a stream of the old one is finished", async (t) => {
  const free = await freePort();
  const gateway = await serveFile(t, `port = ${free}\nengine = "auto"`);
  const first = gateway.engine;
  const stream = ask(free, "/v1/chat/completions", { body: chatBody({ model: "one", stream: true }) });
  while (((await ask(free, "/status")).json()["totals"] as { active: number }).active === 0);
  gateway.write(`port = ${free}\nengine = "node"`, ["two"]);
  await gateway.line(RELOADED);
  deepEqual(await aliases(free), ["two"]);
  equal(((await ask(free, "/status")).json() as { engine: string }).engine, "node");
  ok(first === "hyper-express" || first === "node");
  match((await stream).body, /data: \[DONE\]\n\n$/);
});

test("TLS is switched on while running; files that do not fit are refused", async (t) => {
  const free = await freePort();
  const gateway = await serveFile(t, `port = ${free}`);
  const certificate = createSelfSigned();
  const cert = gateway.place.write("cert.pem", certificate.cert);
  const key = gateway.place.write("key.pem", "no key at all");
  gateway.write(`port = ${free}\ntls_cert = "${cert}"\ntls_key = "${key}"`);
  match((await gateway.line(REFUSED)).msg, /cannot be used for TLS/);
  equal((await ask(free, "/health")).status, 200);
  gateway.place.write("key.pem", certificate.key);
  gateway.signal("SIGHUP");
  await gateway.line(RELOADED);
  equal((await runCommand(gateway.place, ["healthcheck"])).code, 0);
  await rejects(ask(free, "/health"));
});

test("a file that the gateway cannot use leaves listeners and aliases as they were", async (t) => {
  const gateway = await serveFile(t, "port = 0");
  const { port } = gateway;
  const free = await freePort();
  const broken = `${text(`port = ${free}`, ["two"])}[provider.lan]\nbase_url = "https://127.0.0.1:9/v1"\nca_file = "none.pem"\n`;
  writeFileSync(gateway.path, broken);
  match((await gateway.line(REFUSED)).msg, /none\.pem/);
  await rejects(ask(free, "/health"), /ECONNREFUSED/);
  deepEqual(await aliases(port), ["one"]);
});

test("a drain also waits for streams of an engine that was replaced", async (t) => {
  const free = await freePort();
  const gateway = await serveFile(t, `port = ${free}\nengine = "node"`);
  const stream = ask(free, "/v1/chat/completions", { body: chatBody({ model: "one", stream: true }) });
  while (((await ask(free, "/status")).json()["totals"] as { active: number }).active === 0);
  gateway.write(`port = ${free}\nengine = "auto"`);
  await gateway.line(RELOADED);
  gateway.signal("SIGTERM");
  match((await stream).body, /data: \[DONE\]\n\n$/);
  equal(await gateway.ended, 0);
});

test("metrics_listen comes and goes, and serves nothing but its three pages", async (t) => {
  const gateway = await serveFile(t, "port = 0");
  const free = await freePort();
  gateway.write(`port = 0\nmetrics_listen = "127.0.0.1:${free}"`);
  await gateway.line(RELOADED);
  equal((await ask(free, "/health")).status, 200);
  equal((await ask(free, "/status")).status, 200);
  for (const path of ["/v1/models", "/", "/ready", "/admin/providers/demo/offline", "/reload"]) {
    equal((await ask(free, path, path === "/reload" ? { body: "{}" } : {})).status, 404, path);
  }
  const seen = gateway.logs.length;
  gateway.write("port = 0", ["two"]);
  await gateway.line(RELOADED, seen);
  await rejects(ask(free, "/health"), /ECONNREFUSED/);
});

test("the log level follows the file", async (t) => {
  const gateway = await serveFile(t, "port = 0");
  writeFileSync(gateway.path, `${text("port = 0")}[log]\nlevel = "error"\n`);
  await ask(gateway.port, "/reload", { body: "{}" });
  const seen = gateway.logs.length;
  equal((await ask(gateway.port, "/reload", { body: "{}" })).status, 200);
  writeFileSync(gateway.path, "[");
  await gateway.line(REFUSED, seen);
  ok(!gateway.logs.slice(seen).some(({ level }) => level === "info"));
});

test("many reloads at once are all answered", async (t) => {
  const gateway = await serveFile(t, "port = 0");
  const answers = await Promise.all(
    Array.from({ length: 30 }, () => ask(gateway.port, "/reload", { body: "{}" })),
  );
  ok(answers.every(({ status }) => status === 200));
  equal(join(gateway.place.folder, "config.toml"), gateway.path);
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
