/** Seeded damage to TOML texts, for the fuzz of the loader. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { stringify } from "smol-toml";
import { INIT_TEMPLATE } from "../../src/config/init-template.ts";
import { formatErrors } from "../../src/config/problem.ts";
import { summarise } from "../../src/config/summary.ts";
import { fullTree, load } from "./sample.ts";

const SECRET = "sesame-0a1b2c3d4e5f";

const TOKENS = [
  "[",
  "]",
  "[[",
  "]]",
  "{",
  "}",
  '"',
  "'",
  '"""',
  "'''",
  "=",
  ".",
  ",",
  "#",
  "\n",
  "\\",
  "\\u0000",
  "\0",
  "${",
  "${A}",
  "${A:-b}",
  "$$",
  "__proto__",
  "constructor",
  "toString",
  "nan",
  "inf",
  "-inf",
  "1e400",
  "9007199254740993",
  "-1",
  "0x10",
  "true",
  "1979-05-27",
  "07:32:00",
  "1979-05-27T07:32:00Z",
  "[[provider]]",
  "[model]",
  "[provider.x]\n",
  "model = 5\n",
  "é",
  "日本",
  "\ufeff",
  "\ud800",
  "*",
  "/",
  "timeouts = { }",
  "a".repeat(300),
  "[".repeat(40),
  "a.".repeat(60),
] as const;

function bases(): readonly string[] {
  const withSecret = readFileSync("config.toml", "utf8").replaceAll("${GROQ_API_KEY:-}", SECRET);
  return [withSecret, INIT_TEMPLATE, stringify(fullTree())];
}

/** mulberry32: small and good enough to pick places. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function mutate(text: string, random: () => number): string {
  const pick = (length: number) => Math.floor(random() * length);
  const lines = text.split("\n");
  const at = pick(text.length);
  switch (pick(9)) {
    case 0:
      return text.slice(0, at) + (TOKENS[pick(TOKENS.length)] ?? "") + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(at + pick(20));
    case 2:
      return text.slice(0, at);
    case 3:
      lines.splice(pick(lines.length), 1 + pick(5));
      return lines.join("\n");
    case 4:
      lines.splice(pick(lines.length), 0, lines[pick(lines.length)] ?? "");
      return lines.join("\n");
    case 5: {
      const [moved = ""] = lines.splice(pick(lines.length), 1);
      lines.splice(pick(lines.length), 0, moved);
      return lines.join("\n");
    }
    case 6: {
      const line = pick(lines.length);
      lines[line] = (lines[line] ?? "").replace(/=.*/, `= ${TOKENS[pick(TOKENS.length)] ?? ""}`);
      return lines.join("\n");
    }
    case 7: {
      const line = pick(lines.length);
      lines[line] = (lines[line] ?? "").replace(/"[^"]*"/, JSON.stringify(TOKENS[pick(TOKENS.length)] ?? ""));
      return lines.join("\n");
    }
    default:
      return text.slice(0, at) + String.fromCharCode(pick(128)) + text.slice(at + 1);
  }
}

/** Loads `count` damaged files: each loads or is refused with errors, never throws, never shows the secret. */
export function fuzzLoader(count: number): void {
  const only = process.env["SEED"];
  const first = only === undefined ? 1 : Number(only);
  const last = only === undefined ? count : first;
  const texts = bases();
  let loads = 0;
  for (let seed = first; seed <= last; seed++) {
    const random = randomOf(seed);
    let text = texts[seed % texts.length] ?? "";
    for (let round = 1 + Math.floor(random() * 4); round > 0; round--) text = mutate(text, random);
    try {
      const result = load(text, { A: "a" });
      const problems = result.ok ? result.warnings : [...result.errors, ...result.warnings];
      assert.ok(result.ok || result.errors.length > 0, "refused without an error");
      assert.doesNotMatch(formatErrors(problems), /sesame/);
      for (const { line, message } of problems) {
        assert.ok(message !== "" && !message.includes("undefined"), message);
        assert.ok(line === null || (line >= 1 && line <= text.split("\n").length), `line ${line}`);
      }
      if (result.ok) {
        loads++;
        assert.ok(summarise(result.config).length > 0);
      }
    } catch (cause) {
      throw new Error(`replay with SEED=${seed}`, { cause });
    }
  }
  // Both ways out are taken, or the damage proves nothing.
  if (only === undefined) assert.ok(loads > count / 50 && loads < count, `${loads} of ${count} loaded`);
}
