import assert from "node:assert/strict";
import { test } from "node:test";
import { applyEdits } from "../../src/base/json-edit.ts";
import { anthropic } from "../../src/protocols/anthropic/anthropic.ts";
import { dialectOfHost } from "../../src/protocols/openai-chat/dialects.ts";
import { openaiChat } from "../../src/protocols/openai-chat/openai-chat.ts";
import type { ChatProtocol, ConvertContext } from "../../src/protocols/protocol.ts";
import { Conversion } from "./support/conversion.ts";
import { createPlainLarge } from "./support/plain-large.ts";

function relay(protocol: ChatProtocol, text: string, context: Partial<ConvertContext> = {}) {
  const { model, capability } = context;
  const run = new Conversion(protocol, protocol, {
    ...(model === undefined ? {} : { model }),
    ...(capability === undefined ? {} : { capability }),
  });
  const body = Buffer.from(text);
  const edits = protocol.passThroughEdits(body, { ...run.convertContext(createPlainLarge()), ...context });
  return { text: Buffer.concat(applyEdits(body, edits)).toString(), warnings: run.warnings };
}

const chat = (text: string, dialect: string, context: Partial<ConvertContext> = {}) =>
  relay(openaiChat, text, { model: "up", dialect, ...context });
const claude = (text: string, model: string, context: Partial<ConvertContext> = {}) =>
  relay(anthropic, text, { model, ...context });

test("only the model's name changes; every other byte stays, unknown members and odd numbers too", () => {
  const text = ' { "model" : "alias", "x":1.0e0 ,"seed":12345678901234567890,"messages":[ ] }';
  assert.equal(chat(text, "openai").text, text.replace('"alias"', '"up"'));
  assert.equal(claude(text, "claude-x").text, text.replace('"alias"', '"claude-x"'));
  assert.equal(chat('{"messages":[]}', "openai").text, '{"messages":[],"model":"up"}');
});

test("a member with a name that every JavaScript object knows is one like any other", () => {
  const text = '{"model":"m","constructor":1,"toString":2,"__proto__":{},"messages":[]}';
  assert.equal(chat(text, "openai").text, text.replace('"m"', '"up"'));
  assert.equal(chat(text, "mistral").text, '{"model":"up","messages":[]}');
});

test("usage is asked for in streams wherever the dialect knows it (case 43)", () => {
  const stream = (rest: string, dialect = "openai") =>
    JSON.parse(chat(`{"model":"up","stream":true${rest},"messages":[]}`, dialect).text).stream_options;
  assert.deepEqual(stream(""), { include_usage: true });
  assert.deepEqual(stream(',"stream_options":{}'), { include_usage: true });
  assert.deepEqual(stream(',"stream_options":{"x":1}'), { x: 1, include_usage: true });
  assert.deepEqual(stream(',"stream_options":{"include_usage":false}'), { include_usage: true });
  assert.deepEqual(stream(',"stream_options":null'), { include_usage: true });
  assert.deepEqual(stream("", "unknown"), { include_usage: true });
  assert.equal(stream("", "mistral"), undefined);
  assert.equal(stream(',"stream_options":{"include_usage":true}', "baseline"), undefined);
  assert.equal(JSON.parse(chat('{"model":"up","messages":[]}', "openai").text).stream_options, undefined);
});

test("groq and mistral get what they take, mistral its own names and ids (case 84)", () => {
  const groq = chat(
    '{"model":"m","store":true,"prompt_cache_key":"k","logprobs":true,"top_p":1,"messages":[{"role":"user","name":"n","content":"x"},{"role":"assistant","reasoning_content":"r","content":"y"}]}',
    "groq",
  );
  assert.equal(
    groq.text,
    '{"model":"up","top_p":1,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"}]}',
  );
  assert.deepEqual(groq.warnings, ["unsupported_member:logprobs"]);
  const mistral = JSON.parse(
    chat(
      '{"model":"m","max_completion_tokens":5,"seed":7,"metadata":{},"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"call_long_one","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_long_one","content":"r"}]}',
      "mistral",
    ).text,
  );
  assert.deepEqual(Object.keys(mistral), ["model", "max_tokens", "random_seed", "messages"]);
  const id = mistral.messages[0].tool_calls[0].id;
  assert.match(id, /^[A-Za-z0-9]{9}$/);
  assert.equal(mistral.messages[1].tool_call_id, id);
});

test("at an unknown host the caller's own members pass until one was refused (case 85)", () => {
  const text = '{"model":"up","chat_template_kwargs":{"a":1},"store":true,"messages":[]}';
  assert.equal(chat(text, "unknown").text, text);
  assert.equal(chat(text, "unknown", { refused: ["store"] }).text, text.replace('"store":true,', ""));
  const closed = chat(text, "baseline");
  assert.equal(closed.text, '{"model":"up","messages":[]}');
  assert.deepEqual(closed.warnings, ["unsupported_member:chat_template_kwargs"]);
});

test("roles and limits are spelled as the server knows them", () => {
  const text = '{"model":"up","max_completion_tokens":9,"messages":[{"role":"developer","content":"x"}]}';
  assert.equal(chat(text, "openai").text, text);
  const old = chat(text, "groq").text;
  assert.equal(old, text.replace("max_completion_tokens", "max_tokens").replace("developer", "system"));
  const reasoning = JSON.parse(
    chat('{"model":"o3","max_tokens":9,"temperature":0.2,"top_p":1,"messages":[]}', "openai", { model: "o3" })
      .text,
  );
  assert.deepEqual(reasoning, { model: "o3", max_completion_tokens: 9, top_p: 1, messages: [] });
});

test("gpt-5.6 with tools on Chat alone: reasoning off; Cerebras: the member's other name", () => {
  const tools = '"tools":[{"type":"function","function":{"name":"f"}}],"messages":[]';
  const sent = chat(`{"model":"gpt-5.6",${tools}}`, "openai", { model: "gpt-5.6" });
  assert.equal(JSON.parse(sent.text).reasoning_effort, "none");
  assert.deepEqual(sent.warnings, ["reasoning_off:reasoning_effort"]);
  const low = chat(`{"model":"gpt-5.4","reasoning_effort":"low",${tools}}`, "openai", { model: "gpt-5.4" });
  assert.equal(JSON.parse(low.text).reasoning_effort, "none");
  const kept = chat(`{"model":"gpt-5.3","reasoning_effort":"low",${tools}}`, "openai", { model: "gpt-5.3" });
  assert.equal(JSON.parse(kept.text).reasoning_effort, "low");
  const cerebras = chat(
    '{"model":"up","messages":[{"role":"assistant","reasoning_content":"r"}]}',
    "cerebras",
  );
  assert.ok(cerebras.text.includes('"reasoning":"r"'));
});

test("carriers of ours leave Chat histories", () => {
  const call = (extra: string) =>
    `{"model":"up","messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function"${extra},"function":{"name":"f","arguments":"{}"}}]}]}`;
  const ours = call(',"extra_content":{"google":{"thought_signature":"slc1.e30"}}');
  assert.equal(chat(ours, "openai").text, call(""));
  const theirs = call(',"extra_content":{"google":{"thought_signature":"real"}}');
  assert.equal(chat(theirs, "unknown").text, theirs);
});

test("dialects are known by host and port", () => {
  assert.equal(dialectOfHost("API.OpenAI.com"), "openai");
  assert.equal(dialectOfHost("my.openai.azure.com"), "openai");
  assert.equal(dialectOfHost("evilopenai.azure.com.test"), "unknown");
  assert.equal(dialectOfHost("api.moonshot.cn"), "kimi");
  assert.equal(dialectOfHost("192.0.2.1", 11434), "ollama");
  assert.equal(dialectOfHost("vllm.lan"), "unknown");
});

test("Claude's history loses our marks and empty signatures, every other byte stays (case 79)", () => {
  const real = '{"type":"thinking","thinking":"t","signature":"REAL=="}';
  const text = '{"type":"text","text":"slc1. in text and \\"signature\\": \\"\\" too"}';
  const body = (blocks: string[], rest = "") =>
    `{"model":"claude-x","messages":[{"role":"user","content":"q"},{"role":"assistant","content":[${blocks.join(" , ")}]}${rest}]}`;
  const ours = '{"type":"thinking","thinking":"t","signature":"slc1.e30"}';
  const empty = '{ "signature" : "", "type" : "thinking", "thinking" : "" }';
  const redacted = '{"type":"redacted_thinking","data":"slc1.e30"}';
  assert.equal(claude(body([ours, real, empty, text, redacted]), "claude-x").text, body([real, text]));
  const only = `,{"role":"assistant","content":[${empty}]},{"role":"user","content":"n"}`;
  assert.equal(claude(body([text], only), "claude-x").text, body([text], ',{"role":"user","content":"n"}'));
  assert.equal(claude(body([real, text]), "claude-x").text, body([real, text]));
  assert.equal(claude(body([real, text]), "claude-x", { dropThinking: true }).text, body([text]));
});

test("a relayed body gets the kind of thinking, sampling and choice this Claude takes (cases 8, 81)", () => {
  const sent = (rest: string, model: string) => {
    const out = claude(
      `{"model":"m","max_tokens":9000,"messages":[{"role":"user","content":"q"}]${rest}}`,
      model,
    );
    return { ...JSON.parse(out.text), warnings: out.warnings };
  };
  const enabled = ',"thinking":{"type":"enabled","budget_tokens":20000}';
  const adaptive = sent(enabled, "claude-opus-4-8");
  assert.deepEqual([adaptive.thinking, adaptive.output_config], [{ type: "adaptive" }, { effort: "high" }]);
  assert.deepEqual(sent(enabled, "claude-opus-4-6").thinking.type, "enabled");
  assert.deepEqual(sent(',"thinking":{"type":"adaptive"}', "claude-sonnet-4-5").thinking, {
    type: "enabled",
    budget_tokens: 8192,
  });
  const off = sent(',"thinking":{"type":"disabled"}', "claude-opus-5-5");
  assert.deepEqual([off.thinking, off.output_config], [undefined, { effort: "low" }]);
  assert.deepEqual(sent(',"thinking":{"type":"disabled"}', "claude-sonnet-5-5").thinking, {
    type: "between_tools",
  });
  const cool = sent(',"temperature":1,"top_k":5', "claude-opus-4-7");
  assert.deepEqual([cool.temperature, cool.top_k], [undefined, undefined]);
  const forced = sent(',"tools":[{"name":"f"}],"tool_choice":{"type":"tool","name":"f"}', "claude-opus-5-5");
  assert.deepEqual(forced.tool_choice, { type: "auto" });
  assert.deepEqual(forced.messages[0].content, [
    { type: "text", text: "q" },
    { type: "text", text: "Answer this by calling the tool f." },
  ]);
  assert.deepEqual(forced.warnings, ["forced_tool_choice:tool_choice"]);
  assert.deepEqual(sent(',"tool_choice":{"type":"any"}', "claude-sonnet-5").tool_choice, { type: "any" });
});

test("Vertex has model and version in its own places and no beta members; Anthropic keeps them (cases 9, 10)", () => {
  const text = '{"model":"m","context_management":{"edits":[]},"max_tokens":5,"messages":[]}';
  const vertex = claude(text, "claude-x", { providerKind: "vertex" }).text;
  assert.deepEqual(JSON.parse(vertex), {
    max_tokens: 5,
    messages: [],
    anthropic_version: "vertex-2023-10-16",
  });
  const bedrock = claude(text, "claude-x", { providerKind: "bedrock" }).text;
  assert.deepEqual(JSON.parse(bedrock), { model: "claude-x", max_tokens: 5, messages: [] });
  assert.ok(claude(text, "claude-x").text.includes("context_management"));
});
