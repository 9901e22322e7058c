/**
 * Bodies that no SDK sends, on both engines: to a target of the caller's protocol, where only what the gateway itself needs
 * is looked at, and to another vendor's, where all of it is. Whatever comes, the next request is served and nothing is kept.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ENGINES } from "../http/support/engines.ts";
import { jsonAnswer } from "../support/answers.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { aliasToml, providerToml } from "../support/providers.ts";
import { type ScriptedUpstream, startUpstream } from "../support/scripted-upstream.ts";

const CHAT = jsonAnswer({
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "x",
  choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
});
const MESSAGE = jsonAnswer({
  id: "m",
  type: "message",
  role: "assistant",
  model: "x",
  content: [{ type: "text", text: "ok" }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 1, output_tokens: 1 },
});

interface Row {
  readonly name: string;
  /** With `MODEL` where the alias goes. */
  readonly body: string | Buffer;
  readonly relayed: number;
  readonly converted: number;
}

function asking(content: string, more = "", model = '"MODEL"'): string {
  return `{"model":${model},"messages":[{"role":"user","content":${content}}]${more}}`;
}

function bytesIn(text: string, ...bytes: number[]): Buffer {
  const [before = "", behind = ""] = text.split("@@");
  return Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(behind)]);
}

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
const both = (status: number) => ({ relayed: status, converted: status });
const members = Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join();

const ROWS: readonly Row[] = [
  { name: "a NUL byte in a text", body: asking('"a\0b"'), relayed: 200, converted: 400 },
  { name: "a NUL that is escaped", body: asking('"a\\u0000b"'), ...both(200) },
  { name: "a NUL behind the body", body: `${asking('"hi"')}\0`, ...both(400) },
  { name: "a byte order mark", body: `\ufeff${asking('"hi"')}`, ...both(400) },
  { name: "UTF-16", body: Buffer.from(asking('"hi"'), "utf16le"), ...both(400) },
  {
    name: "bytes that are no UTF-8 in a text",
    body: bytesIn(asking('"a@@"'), 0xc0, 0x80, 0xff),
    ...both(200),
  },
  {
    name: "bytes that are no UTF-8 in the model's name",
    body: bytesIn(asking('"hi"', "", '"MODEL@@"'), 0xff),
    ...both(404),
  },
  { name: "half a surrogate pair in a text", body: asking('"\\ud800"'), ...both(200) },
  {
    name: "half a surrogate pair in the model's name",
    body: asking('"a"', "", '"MODEL\\ud800"'),
    ...both(404),
  },
  { name: "1 MB of nested arrays", body: asking(nested(500_000)), ...both(400) },
  { name: "1 MB of nested arrays that do not end", body: asking("[".repeat(1_000_000)), ...both(400) },
  {
    name: "1 MB of nested arrays where nobody looks",
    body: asking('"a"', `,"zzz":${nested(500_000)}`),
    ...both(400),
  },
  { name: "two models", body: asking('"a"', ',"model":"other"'), ...both(400) },
  {
    name: "two models, one spelled with an escape",
    body: asking('"a"', ',"mod\\u0065l":"other"'),
    ...both(400),
  },
  {
    name: "two answers to whether it streams",
    body: asking('"a"', ',"stream":false,"stream":true'),
    ...both(400),
  },
  { name: "a stream that is no truth value", body: asking('"a"', ',"stream":1'), ...both(400) },
  { name: "a member __proto__", body: asking('"a"', ',"__proto__":{"stream":true}'), ...both(200) },
  { name: "a model __proto__", body: asking('"a"', "", '"__proto__"'), ...both(404) },
  { name: "a model of 1 MB", body: asking('"a"', "", `"${"m".repeat(1_000_000)}"`), ...both(400) },
  { name: "a model with line ends", body: asking('"a"', "", '"MODEL\\r\\nx-evil: 1"'), ...both(404) },
  { name: "a number beyond all", body: asking('"a"', ',"temperature":1e999'), relayed: 200, converted: 400 },
  {
    name: "a number of 100,000 digits",
    body: asking('"a"', `,"max_tokens":${"9".repeat(100_000)}`),
    relayed: 200,
    converted: 400,
  },
  {
    name: "100,000 messages",
    body: `{"model":"MODEL","messages":[${Array.from({ length: 100_000 }, () => '{"role":"user","content":"a"}').join()}]}`,
    ...both(200),
  },
  {
    name: "messages that are none",
    body: '{"model":"MODEL","messages":[null,1,"a",[],{}]}',
    relayed: 200,
    converted: 400,
  },
  { name: "100,000 unknown members", body: asking('"a"', `,${members}`), ...both(200) },
  { name: "a member's name of 1 MB", body: asking('"a"', `,"${"k".repeat(1_000_000)}":1`), ...both(200) },
  { name: "1 MB of blanks", body: " ".repeat(1_000_000), ...both(400) },
  { name: "an escape cut short", body: '{"model":"MODEL\\u00', ...both(400) },
  { name: "two bodies in one", body: asking('"a"') + asking('"a"'), ...both(400) },
];

for (const engine of ENGINES) {
  describe(`${engine}: odd bodies`, () => {
    let upstreams: ScriptedUpstream[] = [];
    let sluice: TestGateway;
    before(async () => {
      upstreams = [await startUpstream(CHAT), await startUpstream(MESSAGE)];
      const [chat, claude] = upstreams.map(({ url }) => url);
      sluice = await startGateway(
        [
          providerToml("chat", "openai", chat ?? ""),
          providerToml("claude", "anthropic", claude ?? ""),
          aliasToml("relayed", [["chat", "x"]]),
          aliasToml("converted", [["claude", "x"]]),
        ].join(""),
        { engine },
      );
    });
    after(async () => {
      await sluice.close();
      for (const upstream of upstreams) await upstream.close();
    });

    async function statusOf(body: string | Buffer, alias: string): Promise<number> {
      const named = Buffer.isBuffer(body)
        ? Buffer.from(body.toString("latin1").replaceAll("MODEL", alias), "latin1")
        : body.replaceAll("MODEL", alias);
      const response = await fetch(`${sluice.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: named,
      });
      const answer = (await response.json()) as { error?: { message: string } };
      if (response.status !== 200) assert.equal(typeof answer.error?.message, "string");
      assert.ok(JSON.stringify(answer).length < 2000);
      return response.status;
    }

    for (const row of ROWS) {
      for (const alias of ["relayed", "converted"] as const) {
        // Twice: what is remembered of the first must not let the second through.
        test(`${row.name}, ${alias}: ${row[alias]}`, async () => {
          assert.equal(await statusOf(row.body, alias), row[alias]);
          assert.equal(await statusOf(row.body, alias), row[alias]);
        });
      }
    }

    test("after all of it requests are served, and nothing is kept", async () => {
      for (const alias of ["relayed", "converted"]) assert.equal(await statusOf(asking('"hi"'), alias), 200);
      assert.equal(sluice.gateway.active, 0);
      assert.equal(sluice.gateway.status().memory.bodies.used, 0);
      assert.equal(sluice.gateway.status().memory.answers.used, 0);
    });
  });
}
