/** What Claude models take is asked of their provider's own list: once a day, in the background, at nobody's cost. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { createClaudeModels } from "../../src/gateway/claude-models.ts";
import { compileSnapshot } from "../../src/gateway/snapshot.ts";
import type { Target } from "../../src/gateway/target.ts";
import { claudeCapability } from "../../src/protocols/anthropic/catalog.ts";
import { jsonAnswer } from "../support/answers.ts";
import { type FakeTime, fakeTime } from "../support/fake-time.ts";
import { configOf, startGateway } from "../support/gateway.ts";
import { aliasToml, lastAsked, providerToml } from "../support/providers.ts";
import { type Script, startUpstream } from "../support/scripted-upstream.ts";
import { testClient } from "../support/upstream-call.ts";

const yes = { supported: true };
const no = { supported: false };
const LIST = {
  data: [
    {
      type: "model",
      id: "claude-opus-4-5-20251101",
      display_name: "Claude Opus 4.5",
      max_tokens: 77_000,
      max_input_tokens: 500_000,
      capabilities: {
        effort: { supported: true, low: yes, medium: yes, high: yes, xhigh: null, max: no },
        thinking: {
          supported: true,
          types: { adaptive: yes, enabled: no, disabled: yes, between_tools: no },
        },
        structured_outputs: no,
        image_input: yes,
      },
    },
    { type: "model", id: "claude-bare", capabilities: null, max_tokens: null, max_input_tokens: null },
    { type: "model", id: "claude-mute", max_tokens: 9, capabilities: { thinking: no, effort: no } },
  ],
  has_more: false,
};
const HOUR = 3_600_000;
interface Asked {
  readonly thinking?: { readonly type?: string };
}

describe("the list of Claude models", async () => {
  const upstream = await startUpstream(jsonAnswer(LIST), { listsModels: true });
  const { client, close } = testClient();
  after(async () => {
    close();
    await upstream.close();
  });

  const stage = (time: FakeTime, extra = "", url = upstream.url) => {
    const debug: object[] = [];
    const toml = `${providerToml("claude", "anthropic", url, extra)}${aliasToml("m", [["claude", "claude-opus-4-5"]])}`;
    const snapshot = compileSnapshot({
      config: configOf(toml),
      time,
      upstream: client,
      version: "1",
      env: {},
      readFile: () => "",
    });
    const target = (model: string): Target => {
      const made = snapshot.direct("claude", model)?.targets[0];
      assert.ok(made);
      return made;
    };
    const log = { ...QUIET, debug: (fields: object) => debug.push(fields) };
    return { models: createClaudeModels({ time, upstream: client, log }), target, debug, snapshot };
  };
  /** Resolves when the question under way has been answered, which is when it is logged. */
  const settled = async (debug: object[], count: number) => {
    for (let i = 0; i < 2000 && debug.length < count; i++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(debug.length, count);
  };
  const play = (script: Script) => {
    upstream.forget();
    upstream.play(script);
  };

  test("is asked with the provider's credential and version, at the first request and not before", async () => {
    play(jsonAnswer(LIST));
    const { models, target, debug } = stage(fakeTime());
    const catalog = claudeCapability("claude-opus-4-5");
    assert.deepEqual(models.knownOf(target("claude-opus-4-5")), catalog);
    assert.equal(upstream.requests.length, 0);
    const first = models.capabilityOf(target("claude-opus-4-5"));
    assert.deepEqual(first, catalog, "the first request does not wait");
    await settled(debug, 1);
    const asked = upstream.requests[0];
    assert.equal(asked?.method, "GET");
    assert.equal(asked?.path, "/v1/models?limit=1000");
    assert.equal(asked?.header("x-api-key"), "claude-secret");
    assert.equal(asked?.header("anthropic-version"), "2023-06-01");
    assert.deepEqual(models.capabilityOf(target("claude-opus-4-5")), {
      ...catalog,
      maxTokens: 77_000,
      maxInputTokens: 500_000,
      jsonSchema: false,
      images: true,
      thinkingTypes: ["adaptive", "disabled"],
      effortLevels: ["low", "medium", "high"],
    });
    assert.deepEqual(models.knownOf(target("claude-mute")), {
      maxTokens: 9,
      thinkingTypes: ["disabled"],
      effortLevels: [],
    });
    for (const name of ["claude-bare", "claude-opus-4-5-2025110", "claude-opus-4", "other"])
      assert.deepEqual(models.capabilityOf(target(name)), claudeCapability(name), name);
    models.close();
  });

  test("is asked once a day by however many requests", async () => {
    play(jsonAnswer(LIST));
    const time = fakeTime();
    const { models, target, debug } = stage(time);
    for (let i = 0; i < 100; i++) models.capabilityOf(target("claude-opus-4-5"));
    await settled(debug, 1);
    time.advance(24 * HOUR - 1);
    models.capabilityOf(target("claude-opus-4-5"));
    assert.equal(upstream.requests.length, 1);
    play(jsonAnswer({ data: [{ ...LIST.data[0], max_tokens: 5 }] }));
    time.advance(1);
    const before = models.capabilityOf(target("claude-opus-4-5"));
    assert.equal(before.maxTokens, 77_000, "the old list counts until the new one is there");
    await settled(debug, 2);
    assert.equal(models.capabilityOf(target("claude-opus-4-5")).maxTokens, 5);
    models.close();
  });

  test("loses to what is declared of a target", async () => {
    play(jsonAnswer(LIST));
    const time = fakeTime();
    const { models, target, debug, snapshot } = stage(time);
    models.capabilityOf(target("claude-opus-4-5"));
    await settled(debug, 1);
    const [known] = snapshot.resolve("m")?.targets ?? [];
    assert.ok(known);
    const declared = { ...known, capability: { maxTokens: 3, jsonSchema: true } };
    const capability = models.capabilityOf(declared);
    assert.equal(capability.maxTokens, 3);
    assert.equal(capability.jsonSchema, true);
    assert.equal(capability.maxInputTokens, 500_000);
    models.close();
  });

  test("that is refused is left for the day; one that failed is asked for again after an hour, and what was known stays", async () => {
    const time = fakeTime();
    const { models, target, debug } = stage(time);
    const ask = async (script: Script, count: number) => {
      play(script);
      models.capabilityOf(target("claude-opus-4-5"));
      await settled(debug, count);
    };
    await ask(jsonAnswer(LIST), 1);
    time.advance(24 * HOUR);
    await ask({ steps: ["rst"] }, 2);
    time.advance(HOUR - 1);
    models.capabilityOf(target("claude-opus-4-5"));
    assert.equal(debug.length, 2);
    time.advance(1);
    await ask(jsonAnswer({ error: {} }, { status: 529 }), 3);
    time.advance(HOUR);
    await ask(jsonAnswer("<html>", { status: 200 }), 4);
    time.advance(HOUR);
    await ask(jsonAnswer({ error: {} }, { status: 401 }), 5);
    time.advance(24 * HOUR - 1);
    assert.equal(models.capabilityOf(target("claude-opus-4-5")).maxTokens, 77_000);
    assert.equal(debug.length, 5);
    models.close();
  });

  test("that never comes, or never ends, is given up: the gateway's end ends it at once", async () => {
    play({ steps: ["stall"] });
    const { models, target, debug } = stage(fakeTime());
    models.capabilityOf(target("claude-opus-4-5"));
    await upstream.received(1);
    models.close();
    await settled(debug, 1);
    assert.match(String((debug[0] as { reason?: string }).reason), /aborted/);
    await upstream.drained();
    models.capabilityOf(target("claude-opus-4-5"));
    assert.equal(upstream.requests.length, 1, "nothing is asked after the end");

    const huge = stage(fakeTime());
    play(jsonAnswer({ data: [], padding: "x".repeat(1024 * 1024) }));
    huge.models.capabilityOf(huge.target("claude-opus-4-5"));
    await settled(huge.debug, 1);
    assert.match(String((huge.debug[0] as { reason?: string }).reason), /larger than/);
    huge.models.close();
  });

  test("does not take the only connection of a provider that may have one", async () => {
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const answer = jsonAnswer({
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "claude-opus-4-5",
      content: [{ type: "text", text: "hi" }],
      stop_reason: "end_turn",
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 1 },
    });
    play((request) =>
      request.method === "GET" ? { steps: [{ until: held }, ...jsonAnswer(LIST).steps] } : answer,
    );
    const sluice = await startGateway(
      `${providerToml("claude", "anthropic", upstream.url, "max_connections = 1")}${aliasToml("m", [["claude", "claude-opus-4-5"]])}`,
    );
    const ask = () =>
      sluice.post("/v1/chat/completions", {
        model: "m",
        messages: [{ role: "user", content: "hi" }],
        reasoning_effort: "high",
      });
    assert.equal((await ask()).status, 200);
    await upstream.received(2);
    assert.equal((await ask()).status, 200, "while the list is still being waited for");
    const posts = () => upstream.requests.filter(({ method }) => method === "POST");
    const thinking = () => (posts().at(-1)?.json() as Asked | undefined)?.thinking?.type;
    assert.equal(thinking(), "enabled", "as the catalog says");
    assert.equal(lastAsked(upstream).model, "claude-opus-4-5");
    release();
    for (let i = 0; i < 200 && thinking() !== "adaptive"; i++) {
      assert.equal((await ask()).status, 200);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(thinking(), "adaptive", "as the provider's list says");
    assert.equal(upstream.requests.filter(({ method }) => method === "GET").length, 1);
    const listed = await (
      await fetch(`${sluice.url}/v1/models`, { headers: { "anthropic-version": "x" } })
    ).json();
    assert.equal((listed as { data: { max_tokens: number }[] }).data[0]?.max_tokens, 77_000);
    await sluice.close();
  });
});

const nothing = () => {};
const QUIET = {
  level: "debug",
  trace: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  startLine: () => null,
  hide: nothing,
  dropped: 0,
  setLevel: nothing,
  flush: nothing,
} as const;
