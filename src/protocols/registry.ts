/** Every chat protocol by its name. */
import { anthropic } from "./anthropic/anthropic.ts";
import { cohere, cohereV1 } from "./cohere/cohere.ts";
import { gemini } from "./gemini/gemini.ts";
import { ollama } from "./ollama/ollama.ts";
import { openaiChat } from "./openai-chat/openai-chat.ts";
import { openaiResponses } from "./openai-responses/openai-responses.ts";
import type { ChatProtocol, ProtocolName } from "./protocol.ts";

const PROTOCOLS: readonly ChatProtocol[] = [
  openaiChat,
  openaiResponses,
  anthropic,
  gemini,
  cohere,
  cohereV1,
  ollama,
];

const BY_NAME: ReadonlyMap<string, ChatProtocol> = new Map(
  PROTOCOLS.map((protocol) => [protocol.name, protocol]),
);

/** Throws for a name that no protocol has: a bug of the caller, names come from the configuration's schema. */
export function protocolNamed(name: ProtocolName): ChatProtocol {
  const found = BY_NAME.get(name);
  if (found === undefined) throw new Error(`no protocol is named ${name}`);
  return found;
}
