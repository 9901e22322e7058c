/** Every token counting protocol by the chat protocol it belongs to; the others have no native counter and are estimated. */
import { anthropicCount } from "./anthropic.ts";
import type { CountProtocol, CountProtocolName } from "./count.ts";
import { geminiCount } from "./gemini.ts";
import { responsesCount } from "./openai-responses.ts";

export const countProtocols: Readonly<Record<CountProtocolName, CountProtocol>> = {
  anthropic: anthropicCount,
  gemini: geminiCount,
  "openai-responses": responsesCount,
};
