// Lines of keys in a TOML text.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "smol-toml";
import { locateKeys } from "../../src/config/locate.ts";

const TEXT = `# comment with [header] and = signs
top = 1
[a.b] # comment
"quoted key" = "x # no comment"
'literal.key' = 'y'
dotted.key = 2
list = [ # comment
  1,
  { deep = "}", other = [
    3,
  ] },
]
multi = """
[not.a.header]
x = 1 \\" """
raw = '''
[nor.this]
'''
after = 2020-01-01T00:00:00Z

[[items]]
n = 1
[[items.sub]]
m = 1
[[items.sub]]
m = 2
[[items]]
n = 2
[items.table]
k = true
`;

test("every key is found on its line", () => {
  const locator = locateKeys(TEXT);
  const lines: readonly (readonly [readonly (string | number)[], number])[] = [
    [["top"], 2],
    [["a"], 3],
    [["a", "b"], 3],
    [["a", "b", "quoted key"], 4],
    [["a", "b", "literal.key"], 5],
    [["a", "b", "dotted", "key"], 6],
    [["a", "b", "list"], 7],
    [["a", "b", "list", 0], 8],
    [["a", "b", "list", 1], 9],
    [["a", "b", "list", 1, "deep"], 9],
    [["a", "b", "list", 1, "other", 0], 10],
    [["a", "b", "multi"], 13],
    [["a", "b", "raw"], 16],
    [["a", "b", "after"], 19],
    [["items"], 21],
    [["items", 0], 21],
    [["items", 0, "n"], 22],
    [["items", 0, "sub", 0, "m"], 24],
    [["items", 0, "sub", 1, "m"], 26],
    [["items", 1], 27],
    [["items", 1, "n"], 28],
    [["items", 1, "table", "k"], 30],
  ];
  for (const [path, line] of lines) assert.equal(locator.line(path), line, path.join("."));
});

test("a key that is not there has the line of the table around it, or none", () => {
  const locator = locateKeys(TEXT);
  assert.equal(locator.line(["a", "b", "missing"]), 3);
  assert.equal(locator.line(["a", "b", "list", 1, "missing"]), 9);
  assert.equal(locator.line(["nowhere", "x"]), null);
});

test("names keep the order of the text", () => {
  assert.deepEqual(locateKeys("[p.z]\n[p.10]\n[p.2]\n[p.z.sub]\n[q]").order(["p"]), ["z", "10", "2"]);
});

test("every key of the shipped configuration is found", () => {
  const text = readFileSync("config.toml", "utf8");
  const locator = locateKeys(text);
  const lines = text.split("\n");
  function walk(value: unknown, path: (string | number)[]): void {
    const line = locator.line(path);
    const name = String(path.at(-1));
    if (typeof path.at(-1) === "string") assert.ok(lines[(line ?? 0) - 1]?.includes(name), path.join("."));
    if (typeof value !== "object" || value === null || value instanceof Date) return;
    for (const [key, entry] of Object.entries(value))
      walk(entry, [...path, Array.isArray(value) ? Number(key) : key]);
  }
  for (const [key, value] of Object.entries(parse(text))) walk(value, [key]);
});

test("a text that is no TOML is read as far as it goes", () => {
  for (const text of ["[", "a", "a =", 'a = "', "a = [1, ", "= 1", "[a\nb = 1", "a = {", '"""', "\0"])
    assert.doesNotThrow(() => locateKeys(text), text);
  assert.equal(locateKeys("a = 1\n!!!\nb = 2").line(["a"]), 1);
});
