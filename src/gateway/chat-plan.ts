/** A chat: relayed as it is to targets that speak the caller's protocol, converted for all others. */
import type { Failure } from "../base/failure.ts";
import { badRequest } from "../base/failure.ts";
import { needsResponses } from "../protocols/openai-chat/dialects.ts";
import { mustEmulateStop } from "../protocols/openai-chat/pass-through.ts";
import type { SpokenProtocol } from "../providers/provider.ts";
import { appendRequestId } from "./answer-head.ts";
import { convertChat } from "./chat-convert.ts";
import { relayChat } from "./chat-relay.ts";
import type { ChatState } from "./chat-state.ts";
import type { Broken, PendingSend, Plan, PreparedSend, Rework } from "./plan.ts";
import { refusal } from "./refusal.ts";
import type { Target } from "./target.ts";

export class ChatPlan implements Plan {
  readonly stream: boolean;
  readonly endpoint = "chat";
  readonly idInPath = false;
  readonly #state: ChatState;

  constructor(state: ChatState) {
    this.#state = state;
    this.stream = state.facts.stream;
  }

  prepare(target: Target, rework: Rework): PreparedSend | PendingSend {
    const { client, facts } = this.#state;
    const { kind, facts: place } = target.provider;
    const spoken = kind.speaks(place, target.model);
    const first = spoken[0];
    if (first === undefined) throw badRequest(`${target.label} does not serve chats`, "unsupported_endpoint");
    const own = spoken.includes(client.name) ? client.name : first;
    const name = this.#mustUseResponses(target, spoken) ? "openai-responses" : own;
    const native = name === client.name && rework.continuation === null && !this.#mustEmulate(target);
    const path = kind.path(place, {
      operation: "chat",
      protocol: name,
      model: target.model,
      stream: this.stream,
      rest: native ? facts.rest : "",
    });
    if (path === null) throw badRequest(`${target.label} does not serve chats`, "unsupported_endpoint");
    return native
      ? relayChat(this.#state, target, path, rework)
      : convertChat(this.#state, target, path, name, rework);
  }

  /** OpenAI's newest models take tools on Responses only (40-protocols.md 1.10). */
  #mustUseResponses(target: Target, spoken: readonly SpokenProtocol[]): boolean {
    const { client, facts } = this.#state;
    if (!facts.tools || client.name === "openai-responses") return false;
    if (!spoken.includes("openai-responses") || !needsResponses(target.model, true, "high")) return false;
    const { effort } = this.#state.decode().request.reasoning;
    return needsResponses(target.model, true, effort);
  }

  #mustEmulate({ model, capability, provider }: Target): boolean {
    const { client, facts } = this.#state;
    if (client.name !== "openai-chat" || facts.frame?.holds("stop") === false) return false;
    return mustEmulateStop(facts.body, this.#state.scan, { model, capability, dialect: provider.dialect });
  }

  refuse(failure: Failure) {
    return refusal(this.#state.client, failure, this.#state.record);
  }

  failInBand(failure: Failure): string | null {
    const { client, writer, relayed } = this.#state;
    if (writer !== null) return writer.encoder.fail(failure);
    return client.encodeStreamError(failure, relayed?.inspector ?? null);
  }

  streamHead(): string[] {
    const { clientType, record } = this.#state;
    const headers = ["content-type", clientType, "cache-control", "no-cache, no-transform"];
    headers.push("x-accel-buffering", "no");
    appendRequestId(headers, record.protocol, record.from.requestId);
    return headers;
  }

  ping(): string {
    const { client, facts, writer, relayed } = this.#state;
    if (writer !== null) return writer.encoder.ping();
    if (facts.jsonArray || client.framing === "ndjson") return " ";
    if (client.name === "anthropic" && relayed !== null) return 'event: ping\ndata: {"type":"ping"}\n\n';
    return ": keep-alive\n\n";
  }

  broken(): Broken | null {
    const { writer, relayed } = this.#state;
    if (writer !== null) {
      const { text, sawToolCall, sawOther } = writer;
      return text === null || sawToolCall || sawOther ? null : this.#repairable(text);
    }
    if (relayed === null || relayed.sawToolCall) return null;
    const escaped = relayed.inspector.text;
    if (escaped === null) return null;
    try {
      const text = String(JSON.parse(`"${escaped.toString("utf8")}"`));
      // Something else than text was shown (a refusal, an image): it cannot be gone on with.
      return text === "" && relayed.sawText ? null : this.#repairable(text);
    } catch {
      return null; // an escape that was cut by the break
    }
  }

  release(): void {
    this.#state.release();
  }

  #repairable(text: string): Broken | null {
    const { sampling, format } = this.#state.decode().request;
    if ((sampling.n ?? 1) > 1 || sampling.logprobs === true || (sampling.topLogprobs ?? 0) > 0) return null;
    return { text, exact: format?.kind === "schema" };
  }
}
