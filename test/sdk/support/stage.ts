/** A gateway on the default engine in front of one scripted upstream per protocol, for official SDKs. */

import { jsonAnswer } from "../../support/answers.ts";
import { anthropicMessages } from "../../support/anthropic-answers.ts";
import { cohereChat } from "../../support/cohere-answers.ts";
import { startGateway, type TestGateway } from "../../support/gateway.ts";
import { gemini } from "../../support/gemini-answers.ts";
import { openaiChat, type ToolCall } from "../../support/openai-answers.ts";
import { aliasToml, providerToml, type UpstreamKind } from "../../support/providers.ts";
import { responses } from "../../support/responses-answers.ts";
import {
  type Play,
  type ReceivedRequest,
  type ScriptedUpstream,
  startUpstream,
} from "../../support/scripted-upstream.ts";

/** Aliases are named after the upstream's protocol; `vectors` is Cohere's embedding model. */
export interface Stage {
  readonly sluice: TestGateway;
  readonly upstreams: Readonly<Record<UpstreamKind, ScriptedUpstream>>;
  close(): Promise<void>;
}

export const TEXT = "It is 21 °C in Paris.";
export const CALL: ToolCall = { name: "weather", arguments: '{"city":"Paris"}' };
export const PARAMETERS = {
  type: "object" as const,
  properties: { city: { type: "string" as const } },
  required: ["city"],
};
export const ALIASES: readonly UpstreamKind[] = ["openai", "responses", "anthropic", "gemini", "cohere"];

const MODELS: Readonly<Record<UpstreamKind, string>> = {
  openai: "llama-3",
  responses: "gpt-4o",
  anthropic: "claude-sonnet-4-5",
  gemini: "gemini-2.5-flash",
  cohere: "command-a",
};

/** Calls the tool when one is offered and no result came yet, else answers in words. */
function choose(
  make: (options: { text?: string; tools?: readonly ToolCall[] }) => (request: ReceivedRequest) => Play,
) {
  return (request: ReceivedRequest): Play => {
    const body = request.body.toString();
    if (request.path.endsWith("/v2/embed")) return embed(request);
    const answered = /"tool_result"|"function_call_output"|"functionResponse"|"role":"tool"/.test(body);
    return make(body.includes('"weather"') && !answered ? { tools: [CALL] } : { text: TEXT })(request);
  };
}

function embed(request: ReceivedRequest): Play {
  const { texts } = request.json() as { texts: string[] };
  return jsonAnswer({
    id: "e",
    embeddings: { float: texts.map((text) => [text.length, 0.5, 0, 0, 0, 0, 0, -0.25]) },
    texts,
    meta: { billed_units: { input_tokens: texts.length } },
  });
}

export async function openStage(): Promise<Stage> {
  const upstreams = {
    openai: await startUpstream(choose(openaiChat)),
    // It speaks Chat too.
    responses: await startUpstream((request) =>
      choose(request.path.endsWith("/responses") ? responses : openaiChat)(request),
    ),
    anthropic: await startUpstream(choose(anthropicMessages)),
    gemini: await startUpstream(choose(gemini)),
    cohere: await startUpstream(choose(cohereChat)),
  };
  const providers = ALIASES.map((kind) => providerToml(kind, kind, upstreams[kind].url));
  const aliases = ALIASES.map((kind) => aliasToml(kind, [[kind, MODELS[kind]]]));
  const vectors = aliasToml("vectors", [["cohere", "embed-v4"]]);
  const sluice = await startGateway([...providers, ...aliases, vectors].join(""), { engine: "auto" });
  return {
    sluice,
    upstreams,
    async close() {
      await sluice.close();
      for (const upstream of Object.values(upstreams)) await upstream.close();
    },
  };
}
