/** Streams made up at random say what a walk over each of their events says: events that are alike, and others among them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AnthropicInspector } from "../../src/protocols/anthropic/inspector.ts";
import { ChatInspector } from "../../src/protocols/openai-chat/inspector.ts";
import { type Chance, fuzz } from "../support/fuzz.ts";
import { mutate, placed } from "../support/fuzz-bytes.ts";
import { JsonForm, JsonText, type Member } from "../support/fuzz-json.ts";
import { type InspectorClass, tell } from "./support/event-facts.ts";

const USAGE = ["null", '{"prompt_tokens":3}', '{"output_tokens":4,"input_tokens":5}', "{}", "7"];
const DELTAS = ["content", "reasoning_content", "reasoning", "refusal", "role", "tool_calls"];

function chatEvent(json: JsonText, chance: Chance): string {
  const said: Member[] = [[chance.pick(DELTAS), chance.happens(0.85) ? json.string() : json.value(1)]];
  if (chance.happens(0.2)) said.push(["content", json.string()]);
  const choice = json.object([
    ["index", String(chance.below(3))],
    ["delta", json.object(said)],
    ["finish_reason", chance.pick(["null", "null", '"stop"'])],
  ]);
  const members: Member[] = [
    ["id", '"c"'],
    ["created", "1764000000"],
    ["model", '"m"'],
    ["choices", json.list(chance.happens(0.1) ? [choice, choice] : [choice])],
  ];
  if (chance.happens(0.2)) members.push(["usage", chance.pick(USAGE)]);
  if (chance.happens(0.1)) members.push([chance.pick(["error", "obfuscation", "x"]), json.value(1)]);
  return `data:${chance.pick([" ", " ", ""])}${oneLine(json.object(chance.happens(0.5) ? members : chance.shuffled(members)))}\n\n`;
}

const TYPES = [
  "content_block_delta",
  "content_block_delta",
  "content_block_delta",
  "content_block_start",
  "message_delta",
  "message_start",
  "ping",
  "error",
  "x",
];
const PARTS = ["text", "thinking", "partial_json", "signature"];
const PART_TYPES = ["text_delta", "thinking_delta", "input_json_delta", "signature_delta"];

function claudeEvent(json: JsonText, chance: Chance): string {
  const type = chance.pick(TYPES);
  const said: Member[] = [
    ["type", `"${chance.pick(PART_TYPES)}"`],
    [chance.pick(PARTS), chance.happens(0.9) ? json.string() : json.value(1)],
  ];
  if (chance.happens(0.1)) said.push(["stop_reason", '"end_turn"']);
  const members: Member[] = [
    ["type", `"${type}"`],
    ["index", String(chance.below(3))],
    [chance.pick(["delta", "delta", "content_block", "message"]), json.object(chance.shuffled(said))],
  ];
  if (chance.happens(0.1)) members.push(["usage", chance.pick(USAGE)]);
  return `event: ${type}\ndata: ${oneLine(json.object(chance.shuffled(members)))}\n\n`;
}

/** A line end would be the data's. */
function oneLine(json: string): string {
  return json.replace(/[\r\n]+/g, " ");
}

/** Events as providers spell them: WORD stands for what is said. */
const CHAT_DELTAS = [
  '"content":"WORD"',
  '"reasoning_content":"WORD"',
  '"role":"assistant","content":"WORD"',
  '"content":"WORD","refusal":"WORD"',
  '"tool_calls":[{"index":0,"function":{"arguments":"WORD"}}]',
];
const CHAT_SPELLINGS = CHAT_DELTAS.flatMap((delta) => {
  const choices = `"choices":[{"index":0,"delta":{${delta}},"finish_reason":null}]`;
  const start = '"id":"c","created":1764000000,"model":"m"';
  return [
    `{${choices}}`,
    `{${choices},${start}}`,
    `{${start},${choices}}`,
    `{${start},${choices},"usage":null}`,
    `{${start},${choices},"obfuscation":"WORD"}`,
  ].map((data) => `data: ${data}\n\n`);
});
const CLAUDE_SPELLINGS = [
  '"type":"text_delta","text":"WORD"',
  '"text":"x","type":"text_delta","text":"WORD"',
  '"type":"thinking_delta","thinking":"WORD"',
  '"type":"input_json_delta","partial_json":"WORD"',
  '"type":"text_delta","thinking":"WORD"',
].map(
  (delta) =>
    `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{${delta}}}\n\n`,
);

const PROVIDERS: readonly {
  readonly Inspector: InspectorClass;
  readonly event: (json: JsonText, chance: Chance) => string;
  readonly spellings: readonly string[];
}[] = [
  { Inspector: ChatInspector, event: chatEvent, spellings: CHAT_SPELLINGS },
  { Inspector: AnthropicInspector, event: claudeEvent, spellings: CLAUDE_SPELLINGS },
];

/** What a mark of JSON may be written as by mistake. */
const MISTAKES: Readonly<Record<string, readonly string[]>> = {
  ":": [",", ""],
  ",": [":", ""],
  "[": ["{", ""],
  "]": ["}", ""],
  "{": ["[", ""],
  "}": ["]", ""],
  '"': [""],
};

/** With a mark missing or another one: mostly among the first, which decide on all that follows. */
function misspelled(event: Buffer, chance: Chance): Buffer {
  const text = event.toString("latin1");
  const marks = [...text.matchAll(/[[\]{}:,"]/g)];
  const { 0: mark, index } = chance.pick(chance.happens(0.5) ? marks.slice(0, 8) : marks);
  const other = chance.pick(MISTAKES[mark] ?? [""]);
  return Buffer.from(text.slice(0, index) + other + text.slice(index + 1), "latin1");
}

/** The events of a stream, of one kind or a few; some are damaged, or end their lines otherwise. */
function stream({ event, spellings }: (typeof PROVIDERS)[number], json: JsonText, chance: Chance): Buffer {
  const other = (isText: boolean) => (isText ? json.string() : String(chance.below(2_000_000_000)));
  const kinds = Array.from({ length: 1 + chance.below(3) }, () => {
    const spelling = chance.pick(spellings);
    if (chance.happens(0.6)) return () => spelling.replaceAll("WORD", () => json.word());
    const form = new JsonForm(event(json, chance), chance, other);
    return () => form.next();
  });
  const events = Array.from({ length: 20 }, () => {
    let bytes: Buffer = Buffer.from(chance.happens(0.95) ? chance.pick(kinds)() : event(json, chance));
    if (chance.happens(0.2)) bytes = misspelled(bytes, chance);
    if (chance.happens(0.1)) bytes = mutate(bytes, chance);
    if (chance.happens(0.9)) return bytes;
    const ending = chance.pick(["\r\n", "\r"]);
    return Buffer.from(bytes.toString("latin1").replaceAll("\n", ending), "latin1");
  });
  return Buffer.concat(events);
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  return [0, ...cuts].map((from, i) => Buffer.from(bytes.subarray(from, cuts[i] ?? bytes.length)));
}

test("streams of alike events, odd ones and damaged ones say the same recognised as walked, whole and cut", () => {
  let recognised = 0;
  fuzz(1000, 61, (chance) => {
    const provider = chance.pick(PROVIDERS);
    const bytes = stream(provider, new JsonText(chance), chance);
    const walked = tell(provider.Inspector, [Buffer.from(bytes)], true);
    const wanted = JSON.stringify(walked.told);
    const cuts = Array.from({ length: 1 + chance.below(3) }, () => chance.below(bytes.length));
    cuts.sort((a, b) => a - b);
    for (const pieces of [[placed(bytes, chance)], cutAt(bytes, cuts)]) {
      const told = tell(provider.Inspector, pieces, false);
      recognised += told.recognised;
      const about = JSON.stringify({ cuts, text: bytes.toString("latin1") });
      if (JSON.stringify(told.told) !== wanted) assert.deepEqual(told.told, walked.told, about);
      assert.equal(told.rest, walked.rest, about);
    }
  });
  assert.ok(recognised > 4000, `${recognised} recognised`);
});
