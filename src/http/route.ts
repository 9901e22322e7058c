/** What a request can be, told from method and path alone. */
import type { ProtocolName } from "../protocols/protocol.ts";

export type ClientOperation =
  | "chat"
  | "complete" // OpenAI's legacy completions, pass-through
  | "compact" // Responses, native only
  | "count"
  | "embed"
  | "embed-batch" // Gemini's batchEmbedContents
  | "rerank"
  | "generate" // Ollama's prompt without messages
  | "embed-one" // Ollama's older /api/embeddings
  | "images"
  | "audio"
  | "moderations"
  | "responses-item" // a stored response, named by its id
  | "models"
  | "model"
  | "ollama-tags"
  | "ollama-show"
  | "ollama-ps"
  | "ollama-version";

export type OperatorPage = "root" | "health" | "ready" | "status" | "metrics" | "reload" | "provider" | "api";

export interface ClientRoute {
  readonly kind: "client";
  readonly protocol: ProtocolName;
  readonly operation: ClientOperation;
  /** Model (or deployment, or id of a model) from the path, decoded once; "" = the body names it. */
  readonly model: string;
  /** Gemini's streamGenerateContent; null = the body says. */
  readonly stream: boolean | null;
  /**
   * Id of a stored response, and what is asked of it: "", "cancel" or "input_items". Images and audio: `action` is what
   * follows in the path, e.g. `/generations`.
   */
  readonly item: string;
  readonly action: string;
}

export type Route =
  | ClientRoute
  | {
      readonly kind: "operator";
      readonly page: OperatorPage;
      /** Provider's name, decoded; or the REST path after `/api/`. */
      readonly name: string;
      /** offline, online or reset. */
      readonly action: string;
    }
  | { readonly kind: "console"; readonly file: string }
  | { readonly kind: "options"; readonly allow: readonly string[]; readonly admin: boolean }
  | { readonly kind: "unsupported"; readonly what: string }
  | { readonly kind: "method"; readonly allow: readonly string[] }
  | { readonly kind: "bad-path" }
  | { readonly kind: "unknown" };

export interface MatchedRoute {
  readonly route: Route;
  /** The path without dot segments; "" for `bad-path`. */
  readonly path: string;
  /** How much of the path is the gateway's own, for the comparison with providers' prefixes; 0 = a prefix may have it. */
  readonly claimed: number;
}
