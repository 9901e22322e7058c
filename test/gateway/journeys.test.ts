/** Every client protocol over every foreign upstream, whole and streamed: what the upstream was asked, what the caller got. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { anthropicMessages } from "../support/anthropic-answers.ts";
import { cohereChat } from "../support/cohere-answers.ts";
import { startGateway } from "../support/gateway.ts";
import { gemini } from "../support/gemini-answers.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { aliasToml, lastAsked, providerToml, type UpstreamKind } from "../support/providers.ts";
import { responses } from "../support/responses-answers.ts";
import { type Script, startUpstream } from "../support/scripted-upstream.ts";
import { CALLERS, eventsOf, PROMPT } from "./support/callers.ts";

const TEXT = "It is 21 °C in Paris.";
const CALL = { name: "weather", arguments: '{"city":"Paris"}' };

interface Upstream {
  readonly kind: UpstreamKind;
  /** Client protocols it speaks itself. */
  readonly natives: readonly string[];
  readonly model: string;
  readonly text: Script;
  readonly call: Script;
  readonly path: (stream: boolean) => string;
  readonly credential: readonly [header: string, value: string];
}

const BEARER = (name: string) => ["authorization", `Bearer ${name}-secret`] as const;

const UPSTREAMS: readonly Upstream[] = [
  {
    kind: "openai",
    natives: ["openai-chat"],
    model: "llama-3",
    text: openaiChat({ text: TEXT }),
    call: openaiChat({ tools: [CALL] }),
    path: () => "/v1/chat/completions",
    credential: BEARER("openai"),
  },
  {
    kind: "responses",
    // It speaks Chat as well: only the newest models must be asked through Responses.
    natives: ["openai-chat", "openai-responses"],
    model: "gpt-5.6",
    text: responses({ text: TEXT }),
    call: responses({ tools: [CALL] }),
    path: () => "/v1/responses",
    credential: BEARER("responses"),
  },
  {
    kind: "anthropic",
    natives: ["anthropic"],
    model: "claude-sonnet-4-5",
    text: anthropicMessages({ text: TEXT }),
    call: anthropicMessages({ tools: [CALL] }),
    path: () => "/v1/messages",
    credential: ["x-api-key", "anthropic-secret"],
  },
  {
    kind: "gemini",
    natives: ["gemini"],
    model: "gemini-2.5-flash",
    text: gemini({ text: TEXT }),
    call: gemini({ tools: [CALL] }),
    path: (stream) =>
      `/v1beta/models/gemini-2.5-flash:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    credential: ["x-goog-api-key", "gemini-secret"],
  },
  {
    kind: "cohere",
    natives: ["cohere", "cohere-v1"],
    model: "command-a",
    text: cohereChat({ text: TEXT }),
    call: cohereChat({ tools: [CALL] }),
    path: () => "/v2/chat",
    credential: BEARER("cohere"),
  },
];

for (const upstream of UPSTREAMS) {
  describe(`over ${upstream.kind}`, async () => {
    const server = await startUpstream(upstream.text);
    const sluice = await startGateway(
      providerToml(upstream.kind, upstream.kind, server.url) +
        aliasToml("m", [[upstream.kind, upstream.model]]),
    );
    after(async () => {
      await sluice.close();
      await server.close();
    });

    for (const caller of CALLERS) {
      // Tools over gpt-5.6 leave Chat for Responses, so that pair is a journey too.
      if (
        upstream.natives.includes(caller.name) &&
        !(upstream.kind === "responses" && caller.name === "openai-chat")
      )
        continue;
      for (const stream of [false, true]) {
        test(`${caller.name}, ${stream ? "streamed" : "whole"}: text, then a tool call`, async () => {
          for (const wanted of ["text", "call"] as const) {
            server.play(upstream[wanted]);
            const answer = await sluice.post(caller.path("m", stream), caller.body("m", stream));
            assert.equal(answer.status, 200, answer.text);
            const type = answer.headers.get("content-type") ?? "";
            const heard = stream ? caller.streamed(eventsOf(answer.text, type)) : caller.whole(answer.json());
            const call = { name: "weather", arguments: { city: "Paris" } };
            assert.deepEqual(
              heard,
              wanted === "text"
                ? { text: TEXT, calls: [], finish: caller.finish.stop }
                : { text: "", calls: [call], finish: caller.finish.call },
              answer.text,
            );
            assert.equal(answer.headers.get("x-sluice-provider"), upstream.kind);
            assert.equal(answer.headers.get("x-sluice-model"), upstream.model);

            const request = server.requests.at(-1);
            assert.equal(request?.path, upstream.path(stream));
            assert.equal(request?.header(upstream.credential[0]), upstream.credential[1]);
            const asked = lastAsked(server);
            if (upstream.kind !== "gemini") {
              assert.equal(asked["model"], upstream.model);
              assert.equal(asked["stream"] ?? false, stream);
            }
            const body = request?.body.toString() ?? "";
            assert.ok(body.includes(PROMPT), body);
            assert.ok(body.includes('"weather"'), body);
            assert.match(body, /"max\w*":100\b/i);
          }
        });
      }
    }
  });
}
