/** Whole answers like those before, of one provider or of two, say what they say by themselves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Chance, fuzz } from "../support/fuzz.ts";
import { mutate } from "../support/fuzz-bytes.ts";
import { JsonForm, JsonText, type Member } from "../support/fuzz-json.ts";
import { CountingAnswers, type Dialect, say } from "./support/whole-answers.ts";

const DIALECTS: readonly Dialect[] = [
  "openai-chat",
  "anthropic",
  "openai-responses",
  "gemini",
  "cohere",
  "cohere-v1",
  "ollama",
];
/** What may stand where a count is expected. */
const COUNTS = [
  "0",
  "1",
  "999",
  "123456789012345",
  "1234567890123456",
  "1.5",
  "1e2",
  "1E+5",
  "-3",
  "-0",
  "0.0",
  "00",
  "null",
  "true",
  "[]",
  "{}",
];
/** Some dialects read a number out of a string. */
const TEXT_COUNTS = ['"7"', '"none"', '"unknown"', '""'];
const PLAIN = ["7", "Hello there", "a", "Grüezi 😀", "a longer text ".repeat(9), "\\n", "stop"];

function count(chance: Chance): string {
  if (chance.happens(0.85)) return String(chance.below(200));
  return chance.pick(chance.happens(0.5) ? TEXT_COUNTS : COUNTS);
}

function text(json: JsonText, chance: Chance): string {
  return chance.happens(0.7) ? `"${chance.pick(PLAIN)}"` : json.string();
}

/** Some of the members that a dialect's usage has. */
function usage(dialect: Dialect, json: JsonText, chance: Chance): string {
  const counts = (...names: string[]) => names.map((name): Member => [name, count(chance)]);
  const inner = (name: string, ...names: string[]): Member => [name, json.object(counts(...names))];
  const members = {
    "openai-chat": () => [
      ...counts("prompt_tokens", "completion_tokens", "total_tokens", "prompt_cache_hit_tokens", "cost"),
      inner("prompt_tokens_details", "cached_tokens", "audio_tokens"),
      inner("completion_tokens_details", "reasoning_tokens"),
    ],
    anthropic: () => [
      ...counts("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
      inner("cache_creation", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"),
    ],
    "openai-responses": () => [
      ...counts("input_tokens", "output_tokens"),
      inner("input_tokens_details", "cached_tokens"),
      inner("output_tokens_details", "reasoning_tokens"),
    ],
    gemini: () =>
      counts(
        "promptTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "cachedContentTokenCount",
        "toolUsePromptTokenCount",
        "totalTokenCount",
      ),
    cohere: () => [
      ...counts("cached_tokens"),
      inner("billed_units", "input_tokens", "output_tokens"),
      inner("tokens", "input_tokens", "output_tokens"),
    ],
  };
  const kind = dialect === "cohere-v1" || dialect === "ollama" ? "cohere" : dialect;
  const all = chance.shuffled(members[kind]());
  return json.object(all.slice(0, 1 + chance.below(all.length)));
}

function answer(dialect: Dialect, json: JsonText, chance: Chance): string {
  const choice = json.object([
    ["index", "0"],
    [
      "message",
      json.object([
        ["role", '"assistant"'],
        ["content", text(json, chance)],
      ]),
    ],
    ["finish_reason", '"stop"'],
  ]);
  const members: Member[] = [
    ["id", text(json, chance)],
    ["created", count(chance)],
    ["model", '"m"'],
    [
      chance.pick(["choices", "content", "output", "candidates", "message"]),
      chance.happens(0.8) ? json.list([choice]) : json.value(),
    ],
  ];
  const usual = dialect === "gemini" ? "usageMetadata" : dialect === "cohere-v1" ? "meta" : "usage";
  const name = chance.happens(0.9) ? usual : chance.pick(["Usage", "x"]);
  if (dialect === "ollama")
    for (const each of ["prompt_eval_count", "eval_count", "total_duration"])
      members.push([each, count(chance)]);
  else members.push([name, usage(dialect, json, chance)]);
  if (chance.happens(0.1)) members.push([name, usage(dialect, json, chance)]);
  if (chance.happens(0.1)) members.push(["error", chance.pick(["null", '"no"', '{"message":"no"}'])]);
  if (chance.happens(0.1)) members.push(["type", chance.pick(['"error"', '"message"'])]);
  if (chance.happens(0.2)) members.push(["x", json.value()]);
  return json.object(chance.happens(0.6) ? members : chance.shuffled(members)) + json.space();
}

/** In one piece mostly, else cut in two. */
function pieces(body: Buffer, chance: Chance): Buffer[] {
  if (chance.happens(0.85)) return [Buffer.from(body)];
  const at = chance.below(body.length + 1);
  return [Buffer.from(body.subarray(0, at)), Buffer.from(body.subarray(at))];
}

test("answers with other values in them, damaged ones and those of another dialect say the same as alone", () => {
  let recalled = 0;
  let counted = 0;
  fuzz(300, 53, (chance) => {
    const json = new JsonText(chance);
    const known = new CountingAnswers();
    // Few are learned where answers are rarely alike.
    const forms = chance.picks(DIALECTS, chance.pick([1, 1, 2])).map((dialect) => ({
      dialect,
      form: new JsonForm(answer(dialect, json, chance), chance, (isText) =>
        isText ? text(json, chance) : count(chance),
      ),
    }));
    for (let i = 0; i < 60; i++) {
      const { dialect, form } = chance.pick(forms);
      let body: Buffer = Buffer.from(form.next());
      if (chance.happens(0.1)) body = mutate(body, chance);
      if (chance.happens(0.05))
        body = Buffer.concat([body, Buffer.from(chance.pick([" ", "\n", "}", "{}", "\0"]))]);
      const before = known.recalled;
      const told = say(dialect, pieces(body, chance), known, chance.happens(0.2));
      assert.deepEqual(told, say(dialect, [body]), `${dialect}: ${body.toString("latin1")}`);
      if (known.recalled > before && told.usage !== null) counted++;
    }
    recalled += known.recalled;
  });
  assert.ok(recalled > 5000 && counted > 4000, `${recalled} recalled, ${counted} with their usage`);
});
