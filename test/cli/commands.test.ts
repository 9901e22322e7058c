/** One-shot commands: help, exit codes, error lines, init, validate, version. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace, runCommand } from "./support/program.ts";

const COMMANDS = [
  "serve",
  "validate",
  "init",
  "status",
  "provider",
  "reload",
  "stop",
  "healthcheck",
  "version",
];

const DEMO = '[provider.demo]\ndemo = {}\n[model.demo]\ntargets = [{ provider = "demo", model = "demo" }]\n';

test("--help lists every command and exits 0", async (t) => {
  const { code, out, err } = await runCommand(makePlace(t), ["--help"]);
  equal(code, 0);
  equal(err, "");
  for (const command of COMMANDS) match(out, new RegExp(`^  ${command}\\b`, "m"));
});

for (const command of COMMANDS) {
  test(`${command} --help shows examples on stdout and exits 0`, async (t) => {
    const { code, out, err } = await runCommand(makePlace(t), [command, "--help"]);
    deepEqual({ code, err }, { code: 0, err: "" });
    match(out, new RegExp(`Usage: sluice ${command}`));
    match(out, new RegExp(`Examples:\\n  sluice ${command}`));
  });
}

test("no command at all shows the help on stderr and exits 2", async (t) => {
  const { code, out, err } = await runCommand(makePlace(t), []);
  deepEqual({ code, out }, { code: 2, out: "" });
  match(err, /Usage: sluice/);
});

const MISTAKES: readonly (readonly [readonly string[], RegExp])[] = [
  [["bogus"], /^sluice: unknown command 'bogus'$/],
  [["serve", "--prot", "1"], /^sluice: unknown option '--prot' \(Did you mean --port\?\)$/],
  [["serve", "--no-config", "--port", "x"], /^sluice: --port: found "x"; allowed: a whole number/],
  [["serve", "--no-config", "--port", "65536"], /^sluice: --port: found "65536"/],
  [["serve", "--no-config", "--host", "router"], /^sluice: --host: found "router"; allowed: one IP address$/],
  [["serve", "--no-config", "--drain-timeout", "soon"], /^sluice: --drain-timeout: found "soon"/],
  [["serve", "--no-config", "--log-format", "xml"], /^sluice: option '--log-format <format>'.*pretty/],
  [["serve", "--no-config", "--env-file", "none.env"], /^none\.env: cannot be read$/],
  [["serve", "--no-config", "--env-dir", "none"], /^none: is no directory that can be read$/],
  [["serve", "-c", "none.toml"], /^none\.toml: there is no such file \(--config\)$/],
  [["serve", "extra"], /^sluice: too many arguments/],
  [["validate", "-c", "none.toml"], /^none\.toml: there is no such file \(--config\)$/],
  [["provider", "offline"], /^sluice: missing required argument 'name'$/],
  [["status", "--url", "router"], /^sluice: --url: found "router"; allowed: a URL/],
  [["stop", "--port", "-1"], /^sluice: --port: found "-1"/],
];

for (const [args, line] of MISTAKES) {
  test(`sluice ${args.join(" ")}: one line on stderr, exit 2`, async (t) => {
    const { code, out, errors } = await runCommand(makePlace(t), args);
    deepEqual({ code, out, lines: errors.length }, { code: 2, out: "", lines: 1 }, errors.join("\n"));
    match(errors[0] ?? "", line);
  });
}

test("a wrong SLUICE_LOG is named, exit 2", async (t) => {
  const { code, errors } = await runCommand(makePlace(t), ["serve", "--no-config"], { SLUICE_LOG: "loud" });
  equal(code, 2);
  deepEqual(errors, ['sluice: SLUICE_LOG: found "loud"; allowed: trace | debug | info | warn | error']);
});

test("version and --version say version, commit, Node and engine", async (t) => {
  const place = makePlace(t);
  const { code, out } = await runCommand(place, ["version"]);
  equal(code, 0);
  match(out, /^sluice \d+\.\d+\.\d+ \(commit \w+\) node \d+\.\d+\.\d+ engine (?:hyper-express|node)\n$/);
  for (const flag of ["--version", "-V"]) equal((await runCommand(place, [flag])).out, out);
});

test("init writes a file that validates, for its owner only, and never overwrites one", async (t) => {
  const place = makePlace(t);
  const first = await runCommand(place, ["init"]);
  deepEqual([first.code, first.err], [0, ""]);
  const path = join(place.folder, "config.toml");
  equal(statSync(path).mode & 0o777, 0o600);
  equal((await runCommand(place, ["validate", "-c", path])).code, 0);

  const text = readFileSync(path, "utf8");
  const second = await runCommand(place, ["init"]);
  deepEqual([second.code, second.out], [1, ""]);
  deepEqual(second.errors, ["config.toml: exists already and is not overwritten"]);
  equal(readFileSync(path, "utf8"), text);
});

test("init does not write through a symbolic link, nor into a folder that is not there", async (t) => {
  const place = makePlace(t);
  symlinkSync(join(place.folder, "elsewhere"), join(place.folder, "link.toml"));
  equal((await runCommand(place, ["init", "-c", "link.toml"])).code, 1);
  ok(!existsSync(join(place.folder, "elsewhere")));
  const { code, errors } = await runCommand(place, ["init", "-c", "no/folder/config.toml"]);
  equal(code, 1);
  match(errors.join("\n"), /^no\/folder\/config\.toml: cannot be written: /);
});

test("validate prints a summary on stdout and exits 0", async (t) => {
  const place = makePlace(t);
  const path = place.write("config.toml", DEMO);
  for (const args of [["validate"], ["validate", "-c", path]]) {
    const { code, out } = await runCommand(place, args);
    equal(code, 0);
    match(out, /^PROVIDER/);
    match(out, /1 provider, 1 model, 1 target, 0 keys found/);
  }
});

test("validate tells every mistake on a line of its own, with file and line, and exits 2", async (t) => {
  const place = makePlace(t);
  const path = place.write(
    "config.toml",
    '[server]\nprot = 1\nport = "x"\n[provider.a]\nbase_url = "nowhere"\napi_key = "${MISSING_KEY}"\n',
  );
  const { code, out, errors } = await runCommand(place, ["validate"]);
  deepEqual([code, out], [2, ""]);
  equal(errors.length, 4);
  for (const line of errors) match(line, /^\.\/config\.toml:\d: [a-z._]+: /);
  match(errors[0] ?? "", /server\.prot.*port/);
  match(errors.join("\n"), /MISSING_KEY/);
  // serve says the same
  deepEqual((await runCommand(place, ["serve", "-c", path])).errors.length, 4);
});

test("validate and serve take variables from --env-file and --env-dir; what is set stays", async (t) => {
  const place = makePlace(t);
  place.write(
    "config.toml",
    `[provider.a]\nbase_url = "http://127.0.0.1:9/v1"\napi_key = "\${A_KEY}"\n${DEMO}`,
  );
  equal((await runCommand(place, ["validate"])).code, 2);
  place.write("keys.env", "# keys\nexport A_KEY='from-the-file-0001'\n");
  equal((await runCommand(place, ["validate", "--env-file", "keys.env"])).code, 0);
  place.write("A_KEY", "from-the-folder\n");
  equal((await runCommand(place, ["validate", "--env-dir", "."])).code, 0);
});

test("validate names the places when there is no file", async (t) => {
  const { code, errors } = await runCommand(makePlace(t), ["validate"]);
  equal(code, 2);
  match(errors.join("\n"), /^there is no configuration file; looked for: .*config\.toml/);
});

test("validate warns of every section that has no effect in this build", async (t) => {
  const place = makePlace(t);
  place.write(
    "config.toml",
    `${DEMO}[console]\nenabled = false\n[cache]\nenabled = true\n[[budget]]\nscope = "gateway"\nusd = 1.0\n`,
  );
  const { code, errors } = await runCommand(place, ["validate"]);
  equal(code, 0);
  deepEqual(
    errors.map((line) => /\[+[a-z]+\]+/.exec(line)?.[0]),
    ["[[budget]]", "[cache]"],
  );
});

test("commands for a running gateway say in one line that there is none, exit 1", async (t) => {
  const place = makePlace(t);
  // Nothing can listen on port 1 of a test machine.
  for (const args of [["status"], ["healthcheck"], ["reload"], ["provider", "list"]]) {
    const { code, out, errors } = await runCommand(place, [...args, "--url", "http://127.0.0.1:1"]);
    deepEqual([code, out], [1, ""]);
    deepEqual(errors, ["sluice: no gateway answers at http://127.0.0.1:1: nothing listens there"]);
  }
  const { code, errors } = await runCommand(place, ["stop", "--port", "1"]);
  deepEqual([code, errors], [1, ["sluice: no running gateway was found on this machine"]]);
});
