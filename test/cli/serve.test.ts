/** A running gateway, from start to stop, as a person and a supervisor see it. */
import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { ENGINES } from "../http/support/engines.ts";
import { ask } from "../support/ask.ts";
import { chatBody, makePlace, readPidFiles, runCommand, startServe } from "./support/program.ts";

const LOCAL = ["--host", "127.0.0.1", "--port", "0"];
const NO_CONFIG = ["--no-config", ...LOCAL];

/** A provider that talks slowly: 40 words at 4 a second last until somebody ends them. */
const SLOW = `[provider.slow]
demo = { tokens_per_second = 4 }
[model.slow]
targets = [{ provider = "slow", model = "demo" }]
`;

for (const engine of ENGINES) {
  const config = `[server]\nengine = "${engine}"\n[console]\nenabled = false\n${SLOW}`;

  test(`${engine}: a stream under way is finished after SIGTERM, the listener closes at once, exit 0`, async (t) => {
    const place = makePlace(t);
    const path = place.write("config.toml", `${config}[provider.quick]\ndemo = { tokens_per_second = 20 }\n`);
    const gateway = await startServe(t, place, ["-c", path, ...LOCAL]);
    equal(gateway.engine, engine);
    const { port } = gateway;
    const socket = connect(port, "127.0.0.1");
    t.after(() => socket.destroy());
    let text = "";
    const body = chatBody({ model: "quick/demo", stream: true });
    socket.setEncoding("utf8");
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    const closed = once(socket, "close");
    await new Promise<void>((resolve) => {
      socket.on("data", (chunk: string) => {
        text += chunk;
        if (text.includes('"content":')) resolve();
      });
    });
    gateway.signal("SIGTERM");
    await gateway.line(({ msg }) => msg.startsWith("draining"));
    ok(!text.includes("[DONE]"), "the stream was over before the signal");
    await rejects(ask(port, "/health"), /ECONNREFUSED/);
    equal(await gateway.ended, 0);
    await closed;
    match(text, /data: \[DONE\]\n\n/);
    deepEqual(readdirSync(place.runtime), ["state.json"]);
  });

  test(`${engine}: what still comes on a kept connection during the drain gets 503 and its end`, async (t) => {
    const place = makePlace(t);
    const path = place.write(
      "config.toml",
      config.replace("[server]\n", '[server]\nmetrics_listen = "127.0.0.1:0"\n'),
    );
    const gateway = await startServe(t, place, ["-c", path, ...LOCAL]);
    const kept = connect(gateway.port, "127.0.0.1");
    t.after(() => kept.destroy());
    const closed = once(kept, "close");
    let text = "";
    kept.setEncoding("utf8");
    kept.write("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await new Promise<void>((resolve) => {
      kept.on("data", (chunk: string) => {
        text += chunk;
        if (text.includes('{"status":"ok"}')) resolve();
      });
    });
    // A second connection keeps the drain going.
    const stream = connect(gateway.port, "127.0.0.1");
    t.after(() => stream.destroy());
    const body = chatBody({ model: "slow", stream: true });
    stream.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await once(stream, "data");
    gateway.signal("SIGTERM");
    await gateway.line(({ msg }) => msg.startsWith("draining"));
    const metricsPort = Number(gateway.logs.find(({ msg }) => msg === "listening")?.["metrics_port"]);
    const health = await ask(metricsPort, "/health");
    deepEqual([health.status, health.json()], [503, { status: "shutting_down" }]);
    text = "";
    // node:http has closed the idle connection already; then there is nothing to be said on it.
    kept.on("error", () => {});
    kept.write("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await closed;
    if (text !== "") {
      match(text, /^HTTP\/1\.1 503 /);
      match(text, /connection: close/i);
      match(text, /\{"status":"shutting_down"\}/);
    } else equal(engine, "node");
    gateway.signal("SIGTERM");
    equal(await gateway.ended, 1);
  });
}

test("serve --no-config answers at once, streamed and not, and says where it is", async (t) => {
  const place = makePlace(t);
  const gateway = await startServe(t, place, NO_CONFIG);
  const whole = await ask(gateway.port, "/v1/chat/completions", { body: chatBody() });
  equal(whole.status, 200);
  match(whole.body, /demo provider/);
  const streamed = await ask(gateway.port, "/v1/chat/completions", { body: chatBody({ stream: true }) });
  match(streamed.body, /^data: \{/);
  match(streamed.body, /data: \[DONE\]\n\n$/);
  const line = gateway.logs.find(({ msg }) => msg === "listening");
  match(
    String(line?.["curl"]),
    new RegExp(`^curl http://127\\.0\\.0\\.1:${gateway.port}/v1/chat/completions `),
  );
  equal(gateway.out(), "");
});

test("the curl line of the start message works as it is printed", async (t) => {
  const place = makePlace(t);
  const gateway = await startServe(t, place, NO_CONFIG);
  const curl = String(gateway.logs.find(({ msg }) => msg === "listening")?.["curl"]);
  const body = /-d '(.*)'$/.exec(curl)?.[1] ?? "";
  const answer = await ask(gateway.port, "/v1/chat/completions", { body });
  equal(answer.status, 200);
});

test("a person at a terminal gets the base URL, a curl line and what was found", async (t) => {
  const place = makePlace(t);
  const args = ["serve", ...NO_CONFIG, "--log-format", "pretty"];
  // Pretty lines are no JSON, so the end of the message is what is waited for.
  const child = spawn(process.execPath, ["dist/sluice.cjs", ...args], {
    env: { ...place.env, GROQ_API_KEY: "gsk_not_a_real_key_000000" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  let text = "";
  child.stderr.setEncoding("utf8");
  await new Promise<void>((resolve) => {
    child.stderr.on("data", (chunk: string) => {
      text += chunk;
      if (/curl .*\n/.test(text)) resolve();
    });
  });
  match(text, /sluice is ready at http:\/\/127\.0\.0\.1:\d+/);
  match(text, /Found: groq: GROQ_API_KEY is set/);
  match(text, /curl http.*"model":"auto"/);
  ok(!text.includes("gsk_not"), "a key is shown");
});

test("a second signal ends the drain at once with exit 1", async (t) => {
  const place = makePlace(t);
  const path = place.write("config.toml", SLOW);
  const gateway = await startServe(t, place, ["-c", path, ...LOCAL]);
  const answer = ask(gateway.port, "/v1/chat/completions", {
    body: chatBody({ model: "slow", stream: true }),
  });
  answer.catch(() => {}); // It is cut: that is what the test is about.
  await gateway.line(({ msg }) => msg === "listening");
  const status = async () => (await ask(gateway.port, "/status")).json()["totals"] as { active: number };
  while ((await status()).active === 0);
  gateway.signal("SIGTERM");
  await gateway.line(({ msg }) => msg.startsWith("draining"));
  // An echo within 100 ms counts as the same wish, so the signal is repeated until it is another one.
  const again = setInterval(() => gateway.signal("SIGTERM"), 60);
  equal(await gateway.ended, 1);
  clearInterval(again);
  await rejects(answer);
  deepEqual(readPidFiles(place), []);
});

test("a drain ends with its timeout, whatever still runs", async (t) => {
  const place = makePlace(t);
  const path = place.write("config.toml", SLOW);
  const gateway = await startServe(t, place, ["-c", path, ...LOCAL, "--drain-timeout", "200ms"]);
  const answer = ask(gateway.port, "/v1/chat/completions", {
    body: chatBody({ model: "slow", stream: true }),
  });
  answer.catch(() => {}); // Cut by the timeout.
  while (((await ask(gateway.port, "/status")).json()["totals"] as { active: number }).active === 0);
  gateway.signal("SIGINT");
  equal(await gateway.ended, 0);
});

test("the PID file says pid, address and configuration, and goes with the process", async (t) => {
  const place = makePlace(t);
  const path = place.write("config.toml", SLOW);
  const gateway = await startServe(t, place, ["-c", "config.toml", ...LOCAL]);
  const [entry] = readPidFiles(place);
  equal(entry?.["pid"], gateway.pid);
  equal(entry?.["port"], gateway.port);
  equal(entry?.["host"], "127.0.0.1");
  equal(entry?.["config"], path);
  gateway.signal("SIGTERM");
  equal(await gateway.ended, 0);
  deepEqual(readPidFiles(place), []);
});

test("a stale PID file, or a link in its place, is replaced without touching what it points at", async (t) => {
  const place = makePlace(t);
  const pidFile = join(place.runtime, "sluice.pid");
  const foreign = place.write("precious", "untouched");
  symlinkSync(foreign, pidFile);
  const gateway = await startServe(t, place, NO_CONFIG);
  const { port } = gateway;
  ok(lstatSync(pidFile).isFile());
  equal(readFileSync(foreign, "utf8"), "untouched");
  gateway.signal("SIGKILL");
  equal(await gateway.ended, "SIGKILL");
  ok(existsSync(pidFile));
  // With the port: other gateways of this machine are none of this test's.
  equal((await runCommand(place, ["stop", "--port", String(port)])).code, 1);
  const next = await startServe(t, place, NO_CONFIG);
  equal(readPidFiles(place)[0]?.["pid"], next.pid);
});

test("status, provider, healthcheck, reload and stop find the running gateway by themselves", async (t) => {
  const place = makePlace(t);
  const gateway = await startServe(t, place, NO_CONFIG);
  await ask(gateway.port, "/v1/chat/completions", { body: chatBody() });

  const table = await runCommand(place, ["status"]);
  equal(table.code, 0);
  match(table.out, /^demo \(latency\)\n {2}TARGET/);
  match(table.out, /demo\/demo +warm +closed .* 1 +100% /);
  match(table.out, /requests 1, failed 0, under way 0/);

  const json = JSON.parse((await runCommand(place, ["status", "--json"])).out) as Record<string, unknown>;
  equal(json["pid"], gateway.pid);
  equal((json["config"] as Record<string, unknown>)["path"], "built-in default");

  match((await runCommand(place, ["provider", "list"])).out, /^PROVIDER.*\ndemo +demo .* online +1\n$/);
  deepEqual((await runCommand(place, ["provider", "offline", "demo"])).out, "demo is offline\n");
  match((await runCommand(place, ["provider", "list"])).out, /offline/);
  equal((await ask(gateway.port, "/v1/chat/completions", { body: chatBody() })).status, 503);
  equal((await ask(gateway.port, "/ready")).status, 503);
  equal((await runCommand(place, ["provider", "online", "demo"])).code, 0);
  equal((await ask(gateway.port, "/v1/chat/completions", { body: chatBody() })).status, 200);
  equal((await runCommand(place, ["provider", "reset", "demo"])).out, "demo is reset\n");
  const unknown = await runCommand(place, ["provider", "offline", "nobody"]);
  deepEqual([unknown.code, unknown.errors], [1, ['sluice: there is no provider "nobody"; there are: demo']]);

  deepEqual((await runCommand(place, ["healthcheck"])).code, 0);
  equal((await runCommand(place, ["reload"])).out, "configuration reloaded\n");

  const stopped = await runCommand(place, ["stop"]);
  deepEqual([stopped.code, stopped.out], [0, `stopped process ${gateway.pid}\n`]);
  equal(await gateway.ended, 0);
});

test("where two gateways run, commands ask which one is meant", async (t) => {
  const place = makePlace(t);
  const first = await startServe(t, place, NO_CONFIG);
  const second = await startServe(t, place, NO_CONFIG);
  notEqual(first.port, second.port);
  equal(readPidFiles(place).length, 2);
  const unclear = await runCommand(place, ["stop"]);
  equal(unclear.code, 2);
  match(unclear.errors.join(), /several gateways run on this machine \(ports /);
  equal((await runCommand(place, ["stop", "--port", String(second.port)])).code, 0);
  equal(await second.ended, 0);
  equal((await runCommand(place, ["healthcheck"])).code, 0);
});

test("a token keeps administrators' routes; commands take it from the configuration", async (t) => {
  const place = makePlace(t);
  const path = place.write("config.toml", `[admin]\ntoken = "\${ADMIN}"\n${SLOW}`);
  const ADMIN = "correct-horse-battery";
  const gateway = await startServe(t, place, ["-c", path, ...LOCAL], { ADMIN });
  equal((await ask(gateway.port, "/status")).status, 403);
  const headers = { authorization: `Bearer ${ADMIN}` };
  equal((await ask(gateway.port, "/status", { headers })).status, 200);
  equal((await runCommand(place, ["status", "-c", path], { ADMIN })).code, 0);
  equal((await runCommand(place, ["status", "--token", ADMIN])).code, 0);
  const refused = await runCommand(place, ["status"]);
  equal(refused.code, 1);
  match(
    refused.errors.join(),
    /^sluice: administrative routes are limited to loopback, with the administrator's token/,
  );
  ok(!gateway.err().includes(ADMIN));
});

test("a port in use is one line and exit 1", async (t) => {
  const place = makePlace(t);
  const gateway = await startServe(t, place, NO_CONFIG);
  const again = await runCommand(place, [
    "serve",
    "--no-config",
    "--host",
    "127.0.0.1",
    "--port",
    String(gateway.port),
  ]);
  deepEqual([again.code, again.out], [1, ""]);
  deepEqual(again.errors, [
    `sluice: cannot listen on 127.0.0.1:${gateway.port}: the port is in use by another program (EADDRINUSE)`,
  ]);
});

test("TLS files that cannot be read are one line and exit 2", async (t) => {
  const place = makePlace(t);
  const path = place.write("config.toml", `[server]\ntls_cert = "none.pem"\ntls_key = "none.key"\n${SLOW}`);
  const { code, errors } = await runCommand(place, ["serve", "-c", path, ...LOCAL]);
  deepEqual([code, errors.length], [2, 1]);
  match(errors[0] ?? "", /none\.pem cannot be read/);
});

test("what was learned is there again after a restart; a damaged snapshot is ignored with a warning", async (t) => {
  const place = makePlace(t);
  const first = await startServe(t, place, NO_CONFIG);
  await ask(first.port, "/v1/chat/completions", { body: chatBody() });
  equal((await runCommand(place, ["provider", "offline", "demo"])).code, 0);
  first.signal("SIGTERM");
  equal(await first.ended, 0);

  const second = await startServe(t, place, NO_CONFIG);
  match((await runCommand(place, ["status"])).out, /demo\/demo +offline .* 1 +100% /);
  second.signal("SIGTERM");
  equal(await second.ended, 0);

  writeFileSync(join(place.runtime, "state.json"), '{"format":1,"state":');
  const third = await startServe(t, place, NO_CONFIG);
  const warning = await third.line(({ msg }) => msg.startsWith("the saved state is ignored"));
  equal(warning.level, "warn");
  equal((await ask(third.port, "/v1/chat/completions", { body: chatBody() })).status, 200);
});

test("[state] file is written on stop and read at start", async (t) => {
  const place = makePlace(t);
  const file = join(place.folder, "state.json");
  const path = place.write("config.toml", `[state]\nfile = "${file}"\n${SLOW}`);
  const gateway = await startServe(t, place, ["-c", path, ...LOCAL]);
  gateway.signal("SIGTERM");
  equal(await gateway.ended, 0);
  equal((JSON.parse(readFileSync(file, "utf8")) as { format: number }).format, 1);
  ok(!existsSync(join(place.runtime, "state.json")));
});

test("SLUICE_LOG and -v choose what is logged", async (t) => {
  const place = makePlace(t);
  const path = place.write("config.toml", `[log]\nlevel = "warn"\n${SLOW}`);
  const verbose = await startServe(t, place, ["-c", path, ...LOCAL, "-vv"]);
  ok(verbose.logs.some(({ level }) => level === "info"));
  const quiet = await runCommand(place, [
    "serve",
    "-c",
    path,
    "--host",
    "127.0.0.1",
    "--port",
    String(verbose.port),
  ]);
  equal(quiet.errors.length > 0, true);
});

test("every section without effect is warned of at start", async (t) => {
  const place = makePlace(t);
  const path = place.write(
    "config.toml",
    `[console]\nenabled = false\n[cache]\nenabled = true\n[[policy]]\nname = "p"\nexpression = "true"\naction = "block"\n${SLOW}`,
  );
  const gateway = await startServe(t, place, ["-c", path, ...LOCAL]);
  const warnings = gateway.logs.filter(({ level }) => level === "warn").map(({ msg }) => msg.split(" ")[0]);
  deepEqual(warnings, ["[[policy]]", "[cache]"]);
});

/** Loaded before the program: faults on command. */
const FAULTS = `process.on("SIGUSR2", () => { throw new Error("thrown in a callback"); });
process.on("SIGWINCH", () => { void Promise.reject(new Error("rejected unseen")); });`;

for (const [signal, message] of [
  ["SIGUSR2", "thrown in a callback"],
  ["SIGWINCH", "rejected unseen"],
] as const) {
  test(`a bug that nobody caught (${message}) is logged with its stack and ends the process with 1`, async (t) => {
    const place = makePlace(t);
    const faults = place.write("faults.cjs", FAULTS);
    const gateway = await startServe(t, place, NO_CONFIG, { NODE_OPTIONS: `--require=${faults}` });
    gateway.signal(signal);
    equal(await gateway.ended, 1);
    const line = await gateway.line(({ msg }) => msg === "internal error: the process ends");
    const { message: told, stack } = line["err"] as { message: string; stack: string };
    equal(told, message);
    match(stack, /faults\.cjs/);
    deepEqual(readPidFiles(place), []);
  });
}

test("status --watch tells it again and again until it is ended", async (t) => {
  const place = makePlace(t);
  await startServe(t, place, NO_CONFIG);
  const child = spawn(process.execPath, ["dist/sluice.cjs", "status", "--json", "--watch"], {
    env: place.env,
  });
  t.after(() => child.kill("SIGKILL"));
  let text = "";
  child.stdout.setEncoding("utf8");
  await new Promise<void>((resolve) => {
    child.stdout.on("data", (chunk: string) => {
      text += chunk;
      if (text.split("\n").length > 2) resolve();
    });
  });
  for (const line of text.trimEnd().split("\n")) equal((JSON.parse(line) as { status: string }).status, "ok");
});
