/** Bodies like those before are read, and changed on their way to a target, as if none had come before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../src/base/failure.ts";
import { applyEdits, type Edit } from "../../src/base/json-edit.ts";
import { KnownBodies } from "../../src/gateway/known-bodies.ts";
import { type RequestFacts, readFacts } from "../../src/gateway/request-facts.ts";
import type { Target } from "../../src/gateway/target.ts";
import { openBody } from "../../src/protocols/body.ts";
import { openaiChat } from "../../src/protocols/openai-chat/openai-chat.ts";
import { mustEmulateStop, passThroughEdits } from "../../src/protocols/openai-chat/pass-through.ts";
import { Conversion } from "../protocols/support/conversion.ts";
import { type Chance, fuzz } from "../support/fuzz.ts";
import { mutate, placed } from "../support/fuzz-bytes.ts";
import { JsonText, type Member } from "../support/fuzz-json.ts";
import { told } from "./support/facts-told.ts";

/** Ids of calls: Mistral takes those of nine characters only. */
const IDS = ['"abcdefghi"', '"012345678"', '"\\u0061bcdefghi"', '"call_0123456789abc"', '"c"'];
const ROLES = ["user", "user", "assistant", "system", "developer", "tool", "model", "\\u0064eveloper"];

function message(json: JsonText, chance: Chance): string {
  const text: Member[] = chance.shuffled([
    ["type", '"text"'],
    ["text", json.string()],
  ]);
  const content = chance.happens(0.7) ? json.list([json.object(text)]) : json.value(1);
  const members: Member[] = [
    ["role", `"${chance.pick(ROLES)}"`],
    ["content", chance.happens(0.7) ? json.string() : content],
  ];
  if (chance.happens(0.1)) members.push(["reasoning_content", json.string()]);
  if (chance.happens(0.1)) members.push(["name", json.string()]);
  if (chance.happens(0.2)) {
    const call: Member[] = [
      ["id", chance.pick(IDS)],
      ["function", json.value(2)],
    ];
    if (chance.happens(0.3)) call.push(["extra_content", json.value(2)]);
    members.push(["tool_calls", json.list([json.object(chance.shuffled(call))])]);
  }
  if (chance.happens(0.4)) members.push(["tool_call_id", chance.pick(IDS)]);
  return json.object(chance.happens(0.7) ? members : chance.shuffled(members));
}

/** Members beside model and messages, with values of the right types and of wrong ones. */
const MORE: readonly (readonly [name: string, values: readonly string[]])[] = [
  ["stream", ["true", "false", "null"]],
  ["stream_options", ['{"include_usage":true}', '{"include_usage":false}', "{}", "null", "5"]],
  ["max_tokens", ["5", "null", '"x"']],
  ["max_completion_tokens", ["5"]],
  ["temperature", ["0.5", "1"]],
  ["top_p", ["1", "1.0", "0.9"]],
  ["stop", ['"x"', "[]", '["a"]', "null", '""']],
  ["tools", ["[]", "[{}]", "[ ]", "{}"]],
  ["reasoning_effort", ['"none"', '"high"']],
  ["metadata", ['{"user_id":"u"}', '{"user_id":"a","user_id":"b"}', "{}", "null"]],
  ["response_format", ['{"type":"json_schema"}', "null"]],
  ["prompt_cache_key", ['"k"', "null", "5"]],
  ["thinking", ['{"type":"enabled"}', "5"]],
  ["seed", ["1"]],
  ["service_tier", ['"auto"']],
  ["logit_bias", ["{}"]],
  ["store", ["true"]],
  ["user", ['"u"']],
  ["made_up", ["5", '{"a":[]}']],
  ["system", ['"be kind"', '[{"type":"text","text":"a"}]']],
  ["contents", ["[]", '[{"role":"model","parts":[{"text":"a"}]}]']],
  ["input", ['"a"', '[{"role":"user","content":"a"}]']],
  ["model", ['"n"']],
];

function request(json: JsonText, chance: Chance): string {
  const messages = Array.from({ length: 1 + chance.below(4) }, () =>
    chance.happens(0.97) ? message(json, chance) : json.value(1),
  );
  const list = chance.pick(["messages", "messages", "messages", "messages", "contents", "input"]);
  const members: Member[] = [[list, json.list(messages)]];
  if (chance.happens(0.95)) members.push(["model", `"${chance.pick(["m", "gpt", "\\u006d", "a/b"])}"`]);
  for (const [name, values] of chance.picks(MORE, chance.below(5))) members.push([name, chance.pick(values)]);
  return `${json.space()}${json.object(chance.happens(0.4) ? members : chance.shuffled(members))}${json.space()}`;
}

/** Which of a body's strings is another one: what is said last, the last id of a call, or any. */
type Place = "said" | "id" | "any";
const PLACES: readonly Place[] = ["said", "said", "id", "id", "any"];

function relative(body: string, place: Place, json: JsonText, chance: Chance): string {
  const strings = [...body.matchAll(/"(?:[^"\\]|\\.)*"/g)];
  const isPlace = ({ 0: text, index }: { 0: string; index: number }) =>
    place === "id" ? IDS.includes(text) : /"(?:content|text)"\s*:\s*$/.test(body.slice(0, index));
  const last = place === "any" ? undefined : strings.findLast(isPlace);
  const { 0: old, index } = last ?? chance.pick(strings);
  const other = IDS.includes(old) ? chance.pick(IDS) : json.string();
  return body.slice(0, index) + other + body.slice(index + old.length);
}

const DIALECTS = [
  "openai",
  "groq",
  "cerebras",
  "mistral",
  "deepseek",
  "openrouter",
  "baseline",
  "xai",
  "together",
  "vllm",
  "zai",
];
const NINE_IDS = "mistral";
const MODELS = ["gpt-4.1", "gpt-5.1", "o3", "llama", "m"];
const CAPABILITY = {};
const { large } = openBody(Buffer.from("{}"), [], { next: () => 0 });

/** Where a body goes; known by its identity, as the gateway's targets are. */
class Destination {
  readonly target = {} as Target;
  readonly dialect: string;
  readonly model: string;

  constructor(chance: Chance) {
    this.dialect = chance.happens(0.25) ? NINE_IDS : chance.pick(DIALECTS);
    this.model = chance.pick(MODELS);
  }

  edits(body: Buffer, { scan, turns }: RequestFacts): { edits: Edit[]; warnings: readonly string[] } {
    const { dialect, model } = this;
    const options = { dialect, model, capability: CAPABILITY, convert: { scan, turns } };
    const conversion = new Conversion(openaiChat, openaiChat, options);
    return {
      edits: passThroughEdits(body, conversion.convertContext(large)),
      warnings: conversion.warnings,
    };
  }

  emulates(body: Buffer, { scan }: RequestFacts): boolean {
    return mustEmulateStop(body, scan, { dialect: this.dialect, model: this.model, capability: CAPABILITY });
  }
}

const textOf = (body: Buffer, edits: readonly Edit[]) =>
  Buffer.concat(applyEdits(body, edits)).toString("latin1");

/** What the destination is sent; null = the caller's fault, which nothing is kept of. */
function plainWay(destination: Destination, body: Buffer) {
  const facts = readFacts(body);
  try {
    const { edits, warnings } = destination.edits(body, facts);
    return { text: textOf(body, edits), warnings, emulates: destination.emulates(body, facts) };
  } catch (error) {
    assert.ok(error instanceof Failure);
    return null;
  }
}

/** Sends a recognised body on, as the gateway would. Returns whether its changes were recalled. */
function send(destination: Destination, body: Buffer, facts: RequestFacts): boolean {
  const { frame, longer } = facts;
  if (frame === null || frame.carrier) return false;
  const about = `${destination.dialect} ${destination.model}: ${body.toString("latin1")}`;
  const wanted = plainWay(destination, Buffer.from(body));
  const recalled = frame.recall(destination.target, CAPABILITY, longer);
  if (wanted === null) {
    assert.equal(recalled, null, about);
    return false;
  }
  if (!frame.holds("stop")) assert.equal(wanted.emulates, false, about);
  if (recalled !== null) {
    assert.deepEqual(wanted.warnings, [], about);
    assert.equal(textOf(body, recalled), wanted.text, about);
    return true;
  }
  const { edits, warnings } = destination.edits(body, facts);
  assert.deepEqual(warnings, wanted.warnings, about);
  assert.equal(textOf(body, edits), wanted.text, about);
  if (warnings.length === 0) frame.keep(destination.target, CAPABILITY, longer, edits);
  return false;
}

test("bodies of a program, damaged ones and others among them, are read and changed as if none had come before", () => {
  let recognised = 0;
  let recalled = 0;
  fuzz(120, 52, (chance) => {
    const json = new JsonText(chance);
    const known = new KnownBodies();
    const base = request(json, chance);
    const usual = chance.pick(PLACES);
    const destinations = [new Destination(chance), new Destination(chance), new Destination(chance)];
    for (let i = 0; i < 60; i++) {
      const place = chance.happens(0.8) ? usual : chance.pick(PLACES);
      const text = chance.happens(0.85) ? relative(base, place, json, chance) : request(json, chance);
      const bytes = chance.happens(0.15) ? mutate(Buffer.from(text), chance) : Buffer.from(text);
      const body = placed(bytes, chance);
      const found: RequestFacts[] = [];
      const read = (given: Buffer) => {
        const facts = known.read(given);
        found.push(facts);
        return facts;
      };
      assert.deepEqual(told(body, read), told(bytes, readFacts), bytes.toString("latin1"));
      const facts = found[0];
      if (facts === undefined || facts.frame === null) continue;
      recognised++;
      if (send(chance.pick(destinations), body, facts)) recalled++;
    }
  });
  assert.ok(recognised > 800 && recalled > 250, `${recognised} recognised, ${recalled} with known changes`);
});
