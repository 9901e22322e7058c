/** Run by large-bodies tests in a process with a small heap: four conversions of large bodies at once. */
import { anthropic } from "../../../src/protocols/anthropic/anthropic.ts";
import { openBody } from "../../../src/protocols/body.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import type { ChatProtocol } from "../../../src/protocols/protocol.ts";
import { seededRandom } from "../../support/seed.ts";

/** MiB of each body. */
const SIZE = Number(process.argv[2]) * 1024 * 1024;

/** A body of `SIZE` bytes: `head`, then `unit` again and again, then `tail`. */
function bodyOf(head: string, unit: string, tail: string): Buffer {
  const room = SIZE - Buffer.byteLength(head) - Buffer.byteLength(tail);
  const bytes = Buffer.from(unit);
  const filler = Buffer.alloc(Math.floor(room / bytes.length) * bytes.length, bytes);
  return Buffer.concat([Buffer.from(head), filler, Buffer.from(tail)]);
}

function convert(body: Buffer, from: ChatProtocol, to: ChatProtocol, model: string): Uint8Array[] {
  const random = { next: seededRandom(1) };
  const { doc, large } = openBody(body, from.rawMembers, random);
  const carriers = { get: () => undefined, set: () => {} };
  const warn = () => {};
  const request = from.decodeRequest(doc, { model, stream: false, large, carriers, warn });
  return [
    ...to.encodeRequest(request, {
      model,
      vendor: to.vendor,
      providerKind: to.vendor,
      dialect: "openai",
      capability: {},
      warn,
      random,
      now: 0,
      large,
      names: { tools: new Map(), respondTool: false },
      carriers,
    }).body,
  ];
}

const image = ["iVBORw0KGgoAAAAN", ""] as const;
const cjk = '漢字とテキスト\\n\\"quoted\\" ';
const code = 'line\\\\n\\\\t\\\\\\"x\\\\\\" ';

const cases: [string, Buffer, ChatProtocol, ChatProtocol, string][] = [
  [
    "image",
    bodyOf(
      '{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,',
      image[0],
      '"}}]}]}',
    ),
    openaiChat,
    anthropic,
    image[0],
  ],
  [
    "text",
    bodyOf('{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"', cjk, '"}]}'),
    anthropic,
    openaiChat,
    cjk,
  ],
  [
    "arguments as string",
    bodyOf(
      '{"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\\"c\\":\\"',
      code,
      '\\"}"}}]},{"role":"tool","tool_call_id":"a","content":"r"}]}',
    ),
    openaiChat,
    anthropic,
    JSON.parse(`"${code}"`),
  ],
  [
    "arguments as object",
    bodyOf(
      '{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"c":"',
      cjk,
      '"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a"}]}]}',
    ),
    anthropic,
    openaiChat,
    JSON.stringify(cjk).slice(1, -1),
  ],
];

const took: Record<string, number> = {};
const kept: Uint8Array[][] = [];
for (const [name, body, from, to, unit] of cases) {
  const begun = performance.now();
  const pieces = convert(body, from, to, "claude-opus-4-8");
  took[name] = Math.round(performance.now() - begun);
  kept.push(pieces);
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const whole = pieces.map((piece) => Buffer.from(piece.buffer, piece.byteOffset, piece.length));
  const longest = whole.reduce((a, b) => (b.length > a.length ? b : a));
  const probe = Buffer.from(unit);
  const middle = longest.subarray(longest.length >> 1, (longest.length >> 1) + 4 * probe.length);
  if (total < 0.5 * SIZE || !middle.includes(probe))
    throw new Error(`${name}: the payload is not in the body`);
}
const { heapUsed, external, arrayBuffers } = process.memoryUsage();
process.stdout.write(JSON.stringify({ bodies: kept.length, heapUsed, external, arrayBuffers, took }));
