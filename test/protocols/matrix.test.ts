/** Every client SDK over every upstream in every scenario: the upstream's body is valid, the SDK reads the same answer. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Ajv, type ValidateFunction } from "ajv";
import { Failure, toFailure } from "../../src/base/failure.ts";
import { responseEvents } from "../../src/protocols/answer-assembly.ts";
import type { StreamEvent } from "../../src/protocols/neutral.ts";
import {
  type AnswerServer,
  type SdkAnswer,
  type SdkRequest,
  startAnswerServer,
} from "./support/answer-server.ts";
import { Conversion } from "./support/conversion.ts";
import { CLIENTS, type MatrixClient, type Question } from "./support/matrix-clients.ts";
import { type MatrixUpstream, type Saying, UPSTREAMS, type Wire } from "./support/matrix-upstreams.ts";

interface Scenario {
  readonly name: string;
  readonly question: Question;
  readonly saying: Saying;
  readonly fault?: "429" | "error in the stream" | "truncated";
}

const call = (id: string, city: string) => ({ id, name: "weather", args: { city } });
const SCENARIOS: readonly Scenario[] = [
  { name: "text", question: "plain", saying: { text: "Grüezi 😀", finish: "stop" } },
  { name: "one tool", question: "tools", saying: { calls: [call("call_1", "Zürich")], finish: "tool" } },
  {
    name: "two tools",
    question: "tools",
    saying: { text: "I ask", calls: [call("call_1", "Zürich"), call("call_2", "Bern")], finish: "tool" },
  },
  { name: "tool round trip", question: "history", saying: { text: "sunny", finish: "stop" } },
  { name: "image", question: "image", saying: { text: "a dot", finish: "stop" } },
  { name: "json schema", question: "schema", saying: { text: '{"answer":"x"}', finish: "stop" } },
  { name: "thinking", question: "thinking", saying: { thinking: "hm, so", text: "yes", finish: "stop" } },
  { name: "length", question: "plain", saying: { text: "cut o", finish: "length" } },
  { name: "filter", question: "plain", saying: { text: "I wi", finish: "filtered" } },
  { name: "429", question: "plain", saying: { text: "never", finish: "stop" }, fault: "429" },
  {
    name: "error in the stream",
    question: "plain",
    saying: { text: "half", finish: "stop" },
    fault: "error in the stream",
  },
  { name: "truncated", question: "plain", saying: { text: "half", finish: "stop" }, fault: "truncated" },
];

const ajv = new Ajv({ allErrors: true, strict: false });
const validators = new Map<string, ValidateFunction>();
for (const upstream of UPSTREAMS) validators.set(upstream.name, ajv.compile(upstream.schema));

let answer: (request: SdkRequest) => SdkAnswer = () => ({ status: 500, body: "{}" });
let server: AnswerServer;
before(async () => {
  server = await startAnswerServer((request) => answer(request));
});
const counts = new Map<string, number>();
after(async () => {
  await server.close();
  process.stdout.write(`${table()}\n`);
});

/** The gateway between the two, as pure functions: one request in, one answer out. */
function gateway(
  client: MatrixClient,
  upstream: MatrixUpstream,
  scenario: Scenario,
  stream: boolean,
  found: Error[],
) {
  return (request: SdkRequest): SdkAnswer => {
    const options = { ...upstream.options, stream, answer: { elapsedMs: () => 20 } };
    const run = new Conversion(client.protocol, upstream.protocol, options);
    try {
      const body = run.requestBody(request.body);
      const validate = validators.get(upstream.name);
      if (validate?.(body) === false) throw new Error(JSON.stringify([validate.errors?.slice(0, 4), body]));
      const order = upstream.check?.(body) ?? null;
      if (order !== null) throw new Error(`${order}: ${JSON.stringify(body)}`);
      if (scenario.fault === "429") throw limited(upstream);
      if (!stream) return { body: JSON.stringify(run.answerBody(upstream.whole(scenario.saying))) };
      const events = faulty(upstream, scenario);
      const text = run.encodeStream(decode(run, upstream, events)).match(/[\s\S]{1,61}/gu) ?? [];
      return { contentType: client.protocol.streamContentType, body: text };
    } catch (error) {
      if (!(error instanceof Failure)) found.push(error as Error);
      const { status, headers, body } = client.protocol.encodeError(toFailure(error), "req-1");
      const pairs = headers.flatMap((name, i) => (i % 2 === 0 ? [[name, headers[i + 1] ?? ""]] : []));
      return { status, headers: Object.fromEntries(pairs), body };
    }
  };
}

function limited(upstream: MatrixUpstream): Failure {
  const info = upstream.protocol.decodeError(429, JSON.stringify(upstream.limited));
  assert.equal(info.recognised, true);
  assert.equal(info.message, "slow down");
  return new Failure("rate_limit", info.message, { code: "rate_limit_exceeded", retryAfterMs: 7000 });
}

function decode(run: Conversion, upstream: MatrixUpstream, events: readonly Wire[]): StreamEvent[] {
  // An upstream that answers whole although a stream was asked is read as one too.
  if (events.length === 0) return responseEvents(run.decodeAnswer({}));
  return run.decodeStream(
    upstream.protocol.framing === "ndjson" ? events.map((event) => ["", event] as const) : events,
  );
}

function faulty(upstream: MatrixUpstream, { saying, fault }: Scenario): Wire[] {
  const events = upstream.events(saying);
  if (fault === undefined) return events;
  const begun = events.filter((event) => !upstream.ending(event));
  return fault === "truncated" ? begun : [...begun, upstream.error];
}

/** Pairs that cannot carry a scenario: a clear 400, as the specification wants. */
function refused(upstream: MatrixUpstream, scenario: Scenario): boolean {
  return scenario.question === "image" && upstream.name === "cohere-v1";
}

function expectedThinking(client: MatrixClient, upstream: MatrixUpstream, saying: Saying): string {
  return client.showsThinking && upstream.name !== "cohere-v1" ? (saying.thinking ?? "") : "";
}

for (const client of CLIENTS) {
  for (const upstream of UPSTREAMS) {
    test(`${client.name} over ${upstream.name}`, async (t) => {
      for (const scenario of SCENARIOS) {
        if (client.lacks.includes(scenario.question)) continue;
        if (scenario.saying.finish === "filtered" && upstream.name === "ollama") continue;
        for (const stream of [false, true]) {
          if (!stream && scenario.fault !== undefined && scenario.fault !== "429") continue;
          await t.test(`${scenario.name}${stream ? ", streamed" : ""}`, async () => {
            await runCell(client, upstream, scenario, stream);
            const key = `${client.name}|${upstream.name}`;
            counts.set(key, (counts.get(key) ?? 0) + 1);
          });
        }
      }
    });
  }
}

async function runCell(client: MatrixClient, upstream: MatrixUpstream, scenario: Scenario, stream: boolean) {
  const found: Error[] = [];
  answer = gateway(client, upstream, scenario, stream, found);
  const asked = client.ask(server.url, scenario.question, stream).finally(() => {
    if (found[0] !== undefined) throw found[0];
  });
  if (refused(upstream, scenario)) {
    await assert.rejects(
      asked,
      (error: Error & { status?: number; statusCode?: number; status_code?: number }) => {
        return [error.status, error.statusCode, error.status_code].includes(400);
      },
    );
    return;
  }
  if (scenario.fault !== undefined) {
    // Cohere's clients are told by the finish reason, all others by an exception.
    const told = asked.then(
      (seen) => seen.finish,
      (error: Error) => `thrown: ${error.message}`,
    );
    assert.match(await told, scenario.fault === "429" ? /^thrown: .*(slow down|429)/s : /^thrown: |^ERROR$/);
    return;
  }
  const seen = await asked;
  const { saying } = scenario;
  assert.deepEqual(
    seen.calls,
    (saying.calls ?? []).map(({ name, args }) => ({ name, args })),
  );
  // Cohere v1 says its plan where others say text; in a stream it cannot be told from text.
  const plan = upstream.name === "cohere-v1" && saying.calls !== undefined && !stream;
  assert.equal(seen.text, plan ? "" : (saying.text ?? ""));
  if (!plan) assert.equal(seen.thinking, expectedThinking(client, upstream, saying));
  assert.equal(seen.finish, client.finish[saying.finish]);
}

/** Cells that passed, clients down, upstreams across. */
function table(): string {
  const width = Math.max(...CLIENTS.map((client) => client.name.length)) + 2;
  const lines = [`${"".padEnd(width)}${UPSTREAMS.map((upstream) => upstream.name.padStart(11)).join("")}`];
  let total = 0;
  for (const client of CLIENTS) {
    const cells = UPSTREAMS.map((upstream) => counts.get(`${client.name}|${upstream.name}`) ?? 0);
    total += cells.reduce((sum, cell) => sum + cell, 0);
    lines.push(client.name.padEnd(width) + cells.map((cell) => String(cell).padStart(11)).join(""));
  }
  return `${lines.join("\n")}\n${total} cells of the matrix passed`;
}
