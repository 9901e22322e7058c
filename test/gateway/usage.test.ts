/** What the log says a request used, where several attempts were paid for. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { makePlace, startServe } from "../cli/support/program.ts";
import { eventStream, words } from "../support/answers.ts";
import { anthropicEvents, anthropicMessages } from "../support/anthropic-answers.ts";
import { type Script, startUpstream } from "../support/scripted-upstream.ts";

const TEXT = Array.from({ length: 60 }, (_, index) => `word${index}`).join(" ");
const CUT = { breakAfter: 43, how: "close" } as const;

/** `usage` of the log's line of one streamed request to two Claude upstreams in order, and the totals of `/status`. */
async function ask(t: TestContext, scripts: readonly Script[]) {
  const upstreams = await Promise.all(scripts.map((script) => startUpstream(script)));
  t.after(() => Promise.all(upstreams.map((upstream) => upstream.close())));
  const place = makePlace(t);
  const names = upstreams.map((_, index) => `p${index}`);
  const providers = upstreams.map(
    ({ url }, index) => `[provider.p${index}]\nprotocol = "anthropic"\nbase_url = "${url}"\napi_key = "k"\n`,
  );
  const targets = names.map((name) => `{ provider = "${name}", model = "claude-sonnet-4-5" }`);
  place.write(
    "config.toml",
    `${providers.join("")}[model.m]\nstrategy = "failover"\ntargets = [${targets.join(", ")}]\n`,
  );
  const sluice = await startServe(t, place, ["-c", "config.toml", "--port", "0"]);
  const url = `http://127.0.0.1:${sluice.port}`;
  const body = { model: "m", max_tokens: 500, messages: [{ role: "user", content: "count" }], stream: true };
  const answer = await fetch(`${url}/v1/messages`, {
    method: "POST",
    headers: { "content-type": "application/json", "anthropic-version": "2023-06-01" },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  const line = await sluice.line(({ msg }) => msg === "request");
  const { totals } = (await (await fetch(`${url}/status`)).json()) as {
    totals: { tokens_in: number; tokens_out: number };
  };
  return { text, usage: line["usage"] as Record<string, number>, line, totals };
}

test("a stream that another target finished: both attempts are in the log's line, as in the totals", async (t) => {
  const first = eventStream(anthropicEvents({ text: TEXT, usage: { input: 77, output: 60 } }), CUT);
  const rest = words(TEXT).slice(40).join("");
  const second = anthropicMessages({ text: rest, usage: { input: 130, output: 21 } });
  const { text, usage, line, totals } = await ask(t, [first, second]);
  assert.match(text, /message_stop/);
  assert.equal(line["continued"], true);
  assert.equal(usage["input"], 77 + 130);
  assert.equal(usage["input"], totals.tokens_in);
  assert.equal(usage["output"], totals.tokens_out);
  assert.ok((usage["output"] ?? 0) >= 21);
});

test("an answer of one attempt is what its provider said", async (t) => {
  const { usage, totals } = await ask(t, [
    anthropicMessages({ text: "one two", usage: { input: 12, output: 3 } }),
  ]);
  assert.deepEqual([usage["input"], usage["output"]], [12, 3]);
  assert.deepEqual([totals.tokens_in, totals.tokens_out], [12, 3]);
});
