/** The contract of the token counting endpoints: how a chat body becomes a counting body, and what the answer says. */
import type { ProtocolName } from "../protocol.ts";

export type CountProtocolName = "anthropic" | "gemini" | "openai-responses";

export interface CountProtocol {
  readonly name: CountProtocolName;
  /** The chat protocol whose request the counting body is made of. */
  readonly chat: ProtocolName;
  /** The caller's counting body as a body that the chat protocol's `decodeRequest` reads. Throws Failure (400). */
  toChatRequest(doc: unknown): unknown;
  /** The upstream's counting body, made of the body that the chat protocol's `encodeRequest` wrote. */
  fromChatBody(body: readonly Uint8Array[], model: string): Uint8Array[];
  /** Tokens of the upstream's answer; null when it holds none. */
  decodeCount(doc: unknown): number | null;
  encodeCount(tokens: number): string;
}
