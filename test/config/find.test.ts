// Where the configuration and its variables come from.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FileReader, loadEnvDir, loadEnvFile } from "../../src/config/env-files.ts";
import { findConfig } from "../../src/config/find.ts";

const ALL = [
  "/flag.toml",
  "/env.toml",
  "/etc/sluice/config.toml",
  "/xdg/sluice/config.toml",
  "/home/me/.config/sluice/config.toml",
  "./config.toml",
];

function find(
  there: readonly string[],
  more: { flag?: string; env?: Record<string, string>; home?: string } = {},
) {
  return findConfig({
    flag: more.flag ?? null,
    env: more.env ?? {},
    home: more.home ?? "/home/me",
    exists: (path) => there.includes(path),
  });
}

test("--config comes before SLUICE_CONFIG, that before the known places", () => {
  const env = { SLUICE_CONFIG: "/env.toml", XDG_CONFIG_HOME: "/xdg" };
  assert.deepEqual(find(ALL, { flag: "/flag.toml", env }), {
    kind: "file",
    path: "/flag.toml",
    from: "--config",
  });
  assert.deepEqual(find(ALL, { env }), { kind: "file", path: "/env.toml", from: "SLUICE_CONFIG" });
  assert.deepEqual(find(ALL), { kind: "file", path: "/etc/sluice/config.toml", from: "default place" });
  const { XDG_CONFIG_HOME } = env;
  assert.equal(find(ALL.slice(3), { env: { XDG_CONFIG_HOME } }).kind, "file");
});

test("the known places are tried in order", () => {
  const path = (found: ReturnType<typeof find>) => (found.kind === "file" ? found.path : found.kind);
  assert.equal(path(find(ALL.slice(3), { env: { XDG_CONFIG_HOME: "/xdg" } })), "/xdg/sluice/config.toml");
  assert.equal(path(find(ALL.slice(3))), "/home/me/.config/sluice/config.toml");
  assert.equal(
    path(find(ALL.slice(3), { env: { XDG_CONFIG_HOME: "relative" } })),
    "/home/me/.config/sluice/config.toml",
  );
  assert.equal(path(find(ALL.slice(5))), "./config.toml");
  assert.equal(path(find(ALL.slice(3), { home: "" })), "./config.toml");
});

test("a named file that is not there is missing, whatever else exists", () => {
  assert.deepEqual(find(ALL, { flag: "/no.toml" }), { kind: "missing", path: "/no.toml", from: "--config" });
  assert.equal(find(ALL, { env: { SLUICE_CONFIG: "/no.toml" } }).kind, "missing");
});

test("no file anywhere says where it was looked for; an empty SLUICE_CONFIG is none", () => {
  assert.deepEqual(find([], { env: { SLUICE_CONFIG: "" } }), {
    kind: "none",
    looked: ["/etc/sluice/config.toml", "/home/me/.config/sluice/config.toml", "./config.toml"],
  });
});

function reader(files: Record<string, string>, forbidden: readonly string[] = []): FileReader {
  return {
    isForbidden: (path) => forbidden.includes(path),
    read: (path) => files[path] ?? null,
    list: (path) => {
      const names = [...Object.keys(files), ...forbidden].filter((name) => name.startsWith(`${path}/`));
      return names.length === 0 ? null : names.map((name) => name.slice(path.length + 1));
    },
  };
}

test("an env file adds variables and overwrites none that is set", () => {
  const text = `# comment
A=1
export B = two words
C="quoted # text"
D='single'

E=a=b
SET=new
EMPTY=
A=last\r
`;
  const { env, errors } = loadEnvFile("/f", { SET: "old", UNSET: undefined }, reader({ "/f": text }));
  assert.deepEqual(errors, []);
  assert.deepEqual(env, {
    A: "last",
    B: "two words",
    C: "quoted # text",
    D: "single",
    E: "a=b",
    SET: "old",
    EMPTY: "",
  });
});

test("lines of an env file that are no pairs are told by number, without their text", () => {
  const { errors } = loadEnvFile("/f", {}, reader({ "/f": "A=1\nsecret\n1A=secret\n=secret" }));
  assert.deepEqual(errors, [
    "/f:2: is no KEY=VALUE line",
    "/f:3: is no KEY=VALUE line",
    "/f:4: is no KEY=VALUE line",
  ]);
  assert.deepEqual(loadEnvFile("/g", {}, reader({})).errors, ["/g: cannot be read"]);
});

test("an env directory adds one variable per file, without the last line end and dot entries", () => {
  const files = {
    "/d/A": "one\n",
    "/d/B": "two\n\n",
    "/d/..data": "x",
    "/d/.hidden": "x",
    "/d/not-a-name": "x",
    "/d/SET": "new",
  };
  const { env, errors } = loadEnvDir("/d", { SET: "old" }, reader(files));
  assert.deepEqual(errors, []);
  assert.deepEqual(env, { A: "one", B: "two\n", SET: "old" });
  assert.deepEqual(loadEnvDir("/e", {}, reader({})).errors, ["/e: is no directory that can be read"]);
});

test("a file of an env directory that may not be read is told, and the others are taken", () => {
  const { env, errors, warnings } = loadEnvDir("/d", {}, reader({ "/d/A": "one" }, ["/d/B"]));
  assert.deepEqual(env, { A: "one" });
  assert.deepEqual(errors, []);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /^\/d\/B: is left out: no permission/);
});

test("an env directory of more than 1000 files is refused", () => {
  const files = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`/d/V${index}`, "x"]));
  assert.equal(loadEnvDir("/d", {}, reader(files)).errors.length, 1);
});

test("a variable called __proto__ is a variable", () => {
  const { env } = loadEnvFile("/f", {}, reader({ "/f": "__proto__=x" }));
  assert.equal(({} as Record<string, unknown>)["x"], undefined);
  assert.equal(Object.getPrototypeOf(env), Object.prototype);
});
