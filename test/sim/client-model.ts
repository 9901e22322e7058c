/** A caller of the simulation: what it asks, and whether what it got is whole, an error, or a lie. */
import type { FakeExchange } from "../support/fake-exchange.ts";
import type { NetworkRequest } from "../support/fake-network.ts";
import type { Condition } from "./server-model.ts";

/** One request that reached a server. */
export interface Sent {
  readonly call: Call;
  readonly provider: string;
  readonly request: NetworkRequest;
  /** Of its server. */
  readonly condition: Condition | "unreachable";
  /** The call had asked this provider before. */
  readonly second: boolean;
  /** The target was half-open or suspect. */
  readonly probe: boolean;
}

export type Dialect = "openai" | "anthropic" | "responses" | "ollama";

export interface Call {
  readonly number: number;
  readonly dialect: Dialect;
  readonly stream: boolean;
  readonly text: string;
  exchange: FakeExchange;
  readonly askedAt: number;
  /** Of the configuration it began with. */
  readonly providers: readonly string[];
  /** What was sent upstream for it, in order. */
  readonly sends: Sent[];
  /** Providers that were well and could be asked when it came, and ever since. */
  readonly sound: Set<string>;
  /** As it was sent. */
  readonly body: string;
  /** When the first word reached it; -1 = not yet. */
  firstWordAt: number;
  /** -1 = it runs. */
  endedAt: number;
}

/** The answer to the request of this number; every server knows it. */
export function textOf(number: number): string {
  const words = 3 + (number % 37);
  return Array.from({ length: words }, (_, index) => `q${number}w${index}`).join(" ");
}

export function askedOf({ sends }: Call): string[] {
  return sends.map(({ provider }) => provider);
}

export function bodyOf(
  number: number,
  dialect: Dialect,
  stream: boolean,
  model: string,
): { readonly path: string; readonly body: object } {
  const messages = [{ role: "user", content: `question #${number}#` }];
  switch (dialect) {
    case "openai":
      return {
        path: "/v1/chat/completions",
        body: {
          model,
          messages,
          stream,
          max_tokens: 400,
          stream_options: stream ? { include_usage: true } : undefined,
        },
      };
    case "anthropic":
      return { path: "/v1/messages", body: { model, messages, stream, max_tokens: 400 } };
    case "responses":
      return {
        path: "/v1/responses",
        body: { model, input: messages, stream, store: false, max_output_tokens: 400 },
      };
    case "ollama":
      return { path: "/api/chat", body: { model, messages, stream, options: { num_predict: 400 } } };
  }
}

/** What a server reads out of a request: which one it is, and what was delivered of its answer. */
export function readAsked(body: string): {
  readonly number: number;
  readonly stream: boolean;
  readonly soFar: string;
} {
  const doc = JSON.parse(body) as { stream?: boolean; messages: { role: string; content: unknown }[] };
  const number = Number(/#(\d+)#/.exec(body)?.[1] ?? -1);
  const said = doc.messages.find(({ role }) => role === "assistant")?.content;
  const soFar =
    typeof said === "string"
      ? said
      : said === undefined
        ? ""
        : ((said as { text?: string }[])[0]?.text ?? "");
  return { number, stream: doc.stream === true, soFar };
}

/** "" = right. Called once the exchange is over, unless its client went. */
export function judgeAnswer(call: Call): string {
  const { exchange } = call;
  if (exchange.status === 0) return "ended without a status";
  if (exchange.how === "responded") {
    if (exchange.status !== 200)
      return errorOf(exchange.text) === "" ? `status ${exchange.status} without an error` : "";
    const said = wholeText(call.dialect, exchange.text);
    return said === call.text ? "" : `a whole answer that says "${said}" instead of "${call.text}"`;
  }
  const { said, terminal, error } = readStream(call.dialect, exchange.text);
  if (!call.text.startsWith(said)) return `delivered "${said}", which is no beginning of "${call.text}"`;
  if (exchange.how === "destroyed") return terminal ? "cut after its end" : "";
  if (error) return terminal ? "an error and an end" : "";
  if (!terminal) return "ended with neither an error nor an end";
  return said === call.text ? "" : `a truncated answer that looks complete: "${said}" of "${call.text}"`;
}

/** The message of an error answer; "" = it holds none. */
export function errorOf(text: string): string {
  const { error } = JSON.parse(text) as { error?: string | { message?: string } };
  return typeof error === "string" ? error : (error?.message ?? "");
}

function wholeText(dialect: Dialect, text: string): string {
  const doc = JSON.parse(text);
  const joined = (blocks: { text?: string }[]) => blocks.map((block) => block.text ?? "").join("");
  switch (dialect) {
    case "openai":
      return doc.choices[0].message.content;
    case "anthropic":
      return joined(doc.content);
    case "responses":
      return doc.output.map((item: { content?: { text?: string }[] }) => joined(item.content ?? [])).join("");
    case "ollama":
      return doc.message.content;
  }
}

export function readStream(
  dialect: Dialect,
  text: string,
): { said: string; terminal: boolean; error: boolean } {
  let said = "";
  let terminal = false;
  let error = false;
  const lines = dialect === "ollama";
  for (const block of text.split(lines ? "\n" : "\n\n")) {
    const at = lines ? 0 : block.indexOf("data: ") + 6;
    if (at < (lines ? 0 : 6) || block.trim() === "") continue;
    const data = block.slice(at);
    if (data === "[DONE]") {
      terminal = true;
      continue;
    }
    const doc = JSON.parse(data);
    if ((doc.error !== undefined && doc.error !== null) || doc.type === "response.failed") error = true;
    if (dialect === "openai") said += doc.choices?.[0]?.delta?.content ?? "";
    else if (lines) {
      said += doc.message?.content ?? "";
      if (doc.done === true) terminal = true;
    } else if (dialect === "responses") {
      if (doc.type === "response.output_text.delta") said += doc.delta;
      if (doc.type === "response.completed") terminal = true;
    } else {
      said += doc.delta?.text ?? "";
      if (doc.type === "message_stop") terminal = true;
    }
  }
  return { said, terminal, error };
}
