/** A caller of the simulation: what it asks, and whether what it got is whole, an error, or a lie. */
import type { FakeExchange } from "../support/fake-exchange.ts";

export type Dialect = "openai" | "anthropic";

export interface Call {
  readonly number: number;
  readonly dialect: Dialect;
  readonly stream: boolean;
  readonly text: string;
  readonly exchange: FakeExchange;
  readonly askedAt: number;
  /** Of the configuration it began with. */
  readonly providers: readonly string[];
  /** Hosts asked for it so far. */
  readonly asked: string[];
}

/** The answer to the request of this number; every server knows it. */
export function textOf(number: number): string {
  const words = 3 + (number % 37);
  return Array.from({ length: words }, (_, index) => `q${number}w${index}`).join(" ");
}

export function bodyOf(
  number: number,
  dialect: Dialect,
  stream: boolean,
  model: string,
): { readonly path: string; readonly body: object } {
  const messages = [{ role: "user", content: `question #${number}#` }];
  return dialect === "openai"
    ? {
        path: "/v1/chat/completions",
        body: {
          model,
          messages,
          stream,
          max_tokens: 400,
          stream_options: stream ? { include_usage: true } : undefined,
        },
      }
    : { path: "/v1/messages", body: { model, messages, stream, max_tokens: 400 } };
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

function errorOf(text: string): string {
  return (JSON.parse(text) as { error?: { message?: string } }).error?.message ?? "";
}

function wholeText(dialect: Dialect, text: string): string {
  const doc = JSON.parse(text);
  return dialect === "openai"
    ? doc.choices[0].message.content
    : doc.content.map((block: { text?: string }) => block.text ?? "").join("");
}

export function readStream(
  dialect: Dialect,
  text: string,
): { said: string; terminal: boolean; error: boolean } {
  let said = "";
  let terminal = false;
  let error = false;
  for (const block of text.split("\n\n")) {
    const at = block.indexOf("data: ");
    if (at < 0) continue;
    const data = block.slice(at + 6);
    if (data === "[DONE]") {
      terminal = true;
      continue;
    }
    const doc = JSON.parse(data);
    if (doc.error !== undefined && doc.error !== null) error = true;
    if (dialect === "openai") said += doc.choices?.[0]?.delta?.content ?? "";
    else {
      said += doc.delta?.text ?? "";
      if (doc.type === "message_stop") terminal = true;
    }
  }
  return { said, terminal, error };
}
