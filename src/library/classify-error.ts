/** What an error answer of a provider means, by the tables the gateway itself decides with. */
import type { FailureKind } from "../base/failure.ts";
import type { ProtocolName } from "../protocols/protocol.ts";
import { protocolNamed } from "../protocols/registry.ts";
import { classifyAnswer } from "../upstream/classify.ts";
import type { Cause } from "../upstream/failure-rows.ts";

export interface ErrorAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | Iterable<readonly [string, string]>;
  /** As it came, or parsed. */
  readonly body?: unknown;
}

export interface ClassifyOptions {
  /** Who answered; default "openai". */
  readonly kind?:
    | "openai"
    | "azure_openai"
    | "anthropic"
    | "bedrock"
    | "google_ai"
    | "vertex_ai"
    | "cohere"
    | "ollama";
  /** For kind "openai": whose server it is (groq, mistral, deepseek …), where that is known. */
  readonly dialect?: string;
}

export interface ErrorClass {
  readonly cause: Cause;
  /** The class it has for a caller. */
  readonly kind: FailureKind;
  readonly message: string;
  /** The provider's own code, lower case; "" = none. */
  readonly code: string;
  /** Whether the same target may be asked again: at once (`once`), after a wait, or without what was refused. */
  readonly sameTarget: "no" | "once" | "after_wait" | "corrected";
  /** Whether another target may succeed with the same request. */
  readonly next: "yes" | "no" | "larger_context" | "continuation";
  /** It speaks against the target: circuits count it. */
  readonly counts: boolean;
  /** Milliseconds the provider asks to wait; null = it names none. */
  readonly retryAfterMs: number | null;
}

const SPEAKS: Readonly<Record<NonNullable<ClassifyOptions["kind"]>, ProtocolName>> = {
  openai: "openai-chat",
  azure_openai: "openai-chat",
  anthropic: "anthropic",
  bedrock: "anthropic",
  google_ai: "gemini",
  vertex_ai: "gemini",
  cohere: "cohere",
  ollama: "ollama",
};

/** A Retry-After beyond this is not waited out, as in the shipped configuration. */
const RETRY_AFTER_MAX_MS = 3000;

/** Throws a TypeError for wrong arguments. */
export function classifyError(answer: ErrorAnswer, options: ClassifyOptions = {}): ErrorClass {
  const { kind = "openai", dialect = "" } = options;
  if (typeof answer !== "object" || answer === null || !Number.isInteger(answer.status))
    throw new TypeError("answer: allowed: an object with the HTTP status of the answer");
  if (!Object.hasOwn(SPEAKS, kind))
    throw new TypeError(`options.kind: allowed: ${Object.keys(SPEAKS).join(" | ")}`);
  const { body = "" } = answer;
  const text = typeof body === "string" ? body : (JSON.stringify(body) ?? "");
  const error = protocolNamed(SPEAKS[kind]).decodeError(answer.status, text);
  const verdict = classifyAnswer({
    status: answer.status,
    headers: flatten(answer.headers ?? {}),
    error,
    providerKind: kind,
    dialect,
    idInPath: false,
    retryAfterMax: RETRY_AFTER_MAX_MS,
    needTokens: 0,
    wall: Date.now(),
  });
  const { cause, failureKind, sameTarget, next, counts, waitMs } = verdict;
  const { message, code } = error;
  return { cause, kind: failureKind, message, code, sameTarget, next, counts, retryAfterMs: waitMs };
}

function flatten(headers: NonNullable<ErrorAnswer["headers"]>): string[] {
  const pairs = Symbol.iterator in headers ? [...headers] : Object.entries(headers);
  return pairs.flatMap(([name, value]) => [name.toLowerCase(), String(value)]);
}
