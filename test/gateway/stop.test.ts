/** Stop sequences a target does not take are done by the gateway, in whole answers and in streams (40-protocols 1.6, case 91). */
import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { jsonAnswer } from "../support/answers.ts";
import { anthropicMessages } from "../support/anthropic-answers.ts";
import { startGateway } from "../support/gateway.ts";
import { openaiChat, openaiCompletion } from "../support/openai-answers.ts";
import { aliasToml, lastAsked, providerToml } from "../support/providers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const TEXT = "one two END three four";

interface Choice {
  readonly index: number;
  readonly finish_reason: string | null;
  readonly delta?: { readonly content?: string };
  readonly message?: { readonly content: string };
}

describe("stop sequences", async () => {
  const openai = await startUpstream(openaiChat({ text: TEXT }));
  const claude = await startUpstream(anthropicMessages({ text: "first\n\nsecond" }));
  const sluice = await startGateway(
    [
      providerToml("openai", "openai", openai.url, 'dialect = "openai"'),
      providerToml("claude", "anthropic", claude.url),
      aliasToml("reasons", [["openai", "gpt-5-mini"]]),
      aliasToml("plain", [["openai", "gpt-4.1"]]),
      aliasToml("claude", [["claude", "claude-sonnet-4-5"]]),
    ].join(""),
  );
  after(async () => {
    await sluice.close();
    await openai.close();
    await claude.close();
  });
  beforeEach(() => openai.play(openaiChat({ text: TEXT })));

  const chat = (model: string, stop: unknown, extra: object = {}) =>
    sluice.post("/v1/chat/completions", {
      model,
      messages: [{ role: "user", content: "count" }],
      stop,
      metadata: { a: "b" },
      ...extra,
    });
  const choices = (text: string): Choice[] =>
    text
      .split("\n\n")
      .filter((event) => event.startsWith("data: {"))
      .flatMap((event) => JSON.parse(event.slice(6)).choices);

  test("of a Chat caller never reach OpenAI's reasoning models, and end its answer all the same", async () => {
    const whole = await chat("reasons", ["END", "never"]);
    assert.equal(whole.status, 200, whole.text);
    const sent = lastAsked(openai);
    assert.equal("stop" in sent, false);
    assert.deepEqual(sent.metadata, { a: "b" }, "what else was asked for stays");
    const [choice] = whole.json().choices;
    assert.deepEqual([choice.message.content, choice.finish_reason], ["one two ", "stop"]);

    const stream = await chat("reasons", "END", { stream: true });
    assert.equal("stop" in lastAsked(openai), false);
    const text = choices(stream.text).map((each) => each.delta?.content ?? "");
    assert.equal(text.join(""), "one two ");
    assert.deepEqual(
      choices(stream.text)
        .map((each) => each.finish_reason)
        .filter((reason) => reason !== null),
      ["stop"],
    );
    assert.match(stream.text, /data: \[DONE\]\n\n$/);
  });

  test("that are empty are left out, and the rest of the body passes as it is", async () => {
    for (const stop of [null, [], ""]) {
      assert.equal((await chat("reasons", stop, { made_up: 1 })).status, 200);
      const sent = lastAsked(openai);
      assert.equal("stop" in sent, false, JSON.stringify(stop));
      assert.equal(sent.made_up, 1, "relayed, not converted");
    }
    const answer = await chat("plain", ["END"], { made_up: 1 });
    assert.deepEqual(lastAsked(openai).stop, ["END"], "models that take them get them");
    assert.equal(answer.json().choices[0].message.content, TEXT);
  });

  test("cut every choice of an answer on its own", async () => {
    const first = openaiCompletion({ text: TEXT }) as { choices: object[] };
    const message = { role: "assistant", content: "no such word" };
    openai.play(
      jsonAnswer({ ...first, choices: [...first.choices, { index: 1, message, finish_reason: "length" }] }),
    );
    for (const stream of [false, true]) {
      const answer = await chat("reasons", ["END"], { n: 2, stream });
      const all: Choice[] = stream ? choices(answer.text) : answer.json().choices;
      const of = (index: number) => all.filter((choice) => choice.index === index);
      const textOf = (index: number) =>
        of(index)
          .map((choice) => choice.message?.content ?? choice.delta?.content ?? "")
          .join("");
      const endOf = (index: number) => of(index).at(-1)?.finish_reason;
      assert.deepEqual([textOf(0), endOf(0)], ["one two ", "stop"], answer.text);
      assert.deepEqual([textOf(1), endOf(1)], ["no such word", "length"], answer.text);
    }
  });

  test("are told to an Anthropic caller by name", async () => {
    for (const stream of [false, true]) {
      const answer = await sluice.post("/v1/messages", {
        model: "reasons",
        max_tokens: 100,
        messages: [{ role: "user", content: "count" }],
        stop_sequences: ["END"],
        stream,
      });
      assert.match(answer.text, /"stop_reason":"stop_sequence"/);
      assert.match(answer.text, /"stop_sequence":"END"/);
      assert.doesNotMatch(answer.text, /three/);
    }
  });

  test("of white space alone never reach Claude (case 91)", async () => {
    for (const stream of [false, true]) {
      const answer = await chat("claude", ["\n\n", "END"], { stream });
      assert.deepEqual(lastAsked(claude).stop_sequences, ["END"]);
      const text = stream
        ? choices(answer.text)
            .map((each) => each.delta?.content ?? "")
            .join("")
        : answer.json().choices[0].message.content;
      assert.equal(text, "first");
    }
  });
});
