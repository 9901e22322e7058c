/** The table of paths. */
import type { ProtocolName } from "../protocols/protocol.ts";
import { decodeOnce } from "./path.ts";
import { OLLAMA_STORE } from "./path-protocol.ts";
import type { ClientOperation, ClientRoute, MatchedRoute, OperatorPage, Route } from "./route.ts";

interface Entry {
  readonly methods: readonly string[];
  readonly route: Route;
  readonly claimed?: number;
}

function client(
  protocol: ProtocolName,
  operation: ClientOperation,
  more: Partial<ClientRoute> = {},
): ClientRoute {
  return { kind: "client", protocol, operation, model: "", stream: null, item: "", action: "", ...more };
}

function operator(page: OperatorPage, name = "", action = ""): Route {
  return { kind: "operator", page, name, action };
}

const GET = ["GET"];
const POST = ["POST"];
const ANY = ["GET", "POST", "PUT", "PATCH", "DELETE"];

interface FixedEntry extends Entry {
  /** What a request of one of the methods is. */
  readonly matched: MatchedRoute;
}

const FIXED_ENTRIES: readonly (readonly [string, Entry])[] = [
  ["/v1/chat/completions", { methods: POST, route: client("openai-chat", "chat") }],
  ["/v1/completions", { methods: POST, route: client("openai-chat", "complete") }],
  ["/v1/embeddings", { methods: POST, route: client("openai-chat", "embed") }],
  ["/v1/moderations", { methods: POST, route: client("openai-chat", "moderations") }],
  ["/v1/responses", { methods: POST, route: client("openai-responses", "chat") }],
  ["/v1/responses/input_tokens", { methods: POST, route: client("openai-responses", "count") }],
  ["/v1/responses/compact", { methods: POST, route: client("openai-responses", "compact") }],
  ["/v1/messages", { methods: POST, route: client("anthropic", "chat") }],
  ["/v1/messages/count_tokens", { methods: POST, route: client("anthropic", "count") }],
  ["/v2/chat", { methods: POST, route: client("cohere", "chat") }],
  ["/v2/embed", { methods: POST, route: client("cohere", "embed") }],
  ["/v2/rerank", { methods: POST, route: client("cohere", "rerank") }],
  ["/v1/chat", { methods: POST, route: client("cohere-v1", "chat") }],
  ["/v1/embed", { methods: POST, route: client("cohere-v1", "embed") }],
  ["/v1/rerank", { methods: POST, route: client("cohere-v1", "rerank") }],
  ["/api/chat", { methods: POST, route: client("ollama", "chat") }],
  ["/api/generate", { methods: POST, route: client("ollama", "generate") }],
  ["/api/embed", { methods: POST, route: client("ollama", "embed") }],
  ["/api/embeddings", { methods: POST, route: client("ollama", "embed-one") }],
  ["/api/tags", { methods: GET, route: client("ollama", "ollama-tags") }],
  ["/api/show", { methods: POST, route: client("ollama", "ollama-show") }],
  ["/api/ps", { methods: GET, route: client("ollama", "ollama-ps") }],
  ["/api/version", { methods: GET, route: client("ollama", "ollama-version") }],
  ["/v1/models", { methods: GET, route: client("openai-chat", "models") }],
  ["/v1beta/models", { methods: GET, route: client("gemini", "models") }],
  ["/", { methods: GET, route: operator("root") }],
  ["/health", { methods: GET, route: operator("health") }],
  ["/healthz", { methods: GET, route: operator("health") }],
  ["/ready", { methods: GET, route: operator("ready") }],
  ["/status", { methods: GET, route: operator("status") }],
  ["/metrics", { methods: GET, route: operator("metrics") }],
  ["/reload", { methods: POST, route: operator("reload") }],
];

/** Paths without a parameter, found by one look-up. */
export const FIXED: ReadonlyMap<string, FixedEntry> = new Map(
  FIXED_ENTRIES.map(([path, entry]) => [
    path,
    { ...entry, matched: { route: entry.route, path, claimed: path.length } },
  ]),
);

const GEMINI_VERBS: ReadonlyMap<string, Partial<ClientRoute> & { readonly operation: ClientOperation }> =
  new Map([
    ["generateContent", { operation: "chat", stream: false }],
    ["streamGenerateContent", { operation: "chat", stream: true }],
    ["embedContent", { operation: "embed" }],
    ["batchEmbedContents", { operation: "embed-batch" }],
    ["countTokens", { operation: "count" }],
  ]);

/** First segments after `/v1/` (or whole names under `/api/`) of vendors' features that need state kept here. */
const UNSUPPORTED_V1: ReadonlySet<string> = new Set([
  "assistants",
  "batches",
  "conversations",
  "containers",
  "evals",
  "files",
  "fine_tuning",
  "realtime",
  "threads",
  "uploads",
  "vector_stores",
  "videos",
]);
const UNSUPPORTED_V1BETA: ReadonlySet<string> = new Set([
  "batches",
  "cachedContents",
  "corpora",
  "files",
  "tunedModels",
]);
const UNSUPPORTED_OLLAMA: ReadonlySet<string> = new Set(OLLAMA_STORE);
const DEPLOYMENTS = "/openai/deployments/";

/** What has a parameter, or is written another way; null = nothing. */
export function findEntry(path: string): Entry | null {
  // A base URL that ends in a slash doubles it: empty segments mean nothing in the gateway's own paths.
  const segments = path.split("/").filter((segment) => segment !== "");
  const tidy = `/${segments.join("/")}`;
  const fixed = FIXED.get(tidy);
  if (fixed !== undefined) return fixed;
  const [first, second] = segments;
  switch (first) {
    case "v1":
      return findV1(tidy, segments);
    case "v1beta":
      if (second === "models") return findModel(tidy.slice("/v1beta/models/".length), "gemini");
      return UNSUPPORTED_V1BETA.has(second ?? "") ? unsupported(second ?? "") : null;
    case "openai":
      return tidy.startsWith(DEPLOYMENTS) ? findDeployment(tidy.slice(DEPLOYMENTS.length)) : null;
    case "api":
      if (second === undefined) return null;
      if (UNSUPPORTED_OLLAMA.has(second)) return unsupported(`Ollama's ${second}`);
      return withText(tidy.slice("/api/".length), ANY, (rest) => operator("api", rest));
    case "admin":
      return findProviderAction(segments);
    case "console":
      return withText(segments.slice(1).join("/"), GET, (file) => ({ kind: "console", file }));
    default:
      return null;
  }
}

function findV1(path: string, segments: readonly string[]): Entry | null {
  const [, second = "", third = "", fourth = ""] = segments;
  switch (second) {
    case "models":
      return findModel(path.slice("/v1/models/".length), "openai-chat");
    case "images":
    case "audio":
      return third === ""
        ? null
        : {
            methods: POST,
            route: client("openai-chat", second, { action: `/${segments.slice(2).join("/")}` }),
          };
    case "messages":
      return third === "batches" ? unsupported("batches") : null;
    case "responses":
      return findResponse(segments.length, third, fourth);
    default:
      return UNSUPPORTED_V1.has(second) ? unsupported(second) : null;
  }
}

/** `{id}` or `{id}:verb`; ids may hold slashes and colons, so the verb counts only when it is one of Gemini's. */
function findModel(rest: string, protocol: ProtocolName): Entry | null {
  if (rest === "") return null;
  const colon = rest.lastIndexOf(":");
  const verb = colon === -1 ? undefined : GEMINI_VERBS.get(rest.slice(colon + 1));
  if (verb !== undefined) {
    return withText(rest.slice(0, colon), POST, (model) =>
      client("gemini", verb.operation, { ...verb, model }),
    );
  }
  return withText(rest, GET, (model) => client(protocol, "model", { model }));
}

function findResponse(count: number, id: string, action: string): Entry | null {
  if (id === "" || count > 4) return null;
  if (action !== "" && action !== "cancel" && action !== "input_items") return null;
  let methods = ["GET", "DELETE"];
  if (action === "cancel") methods = POST;
  else if (action === "input_items") methods = GET;
  return withText(id, methods, (item) => client("openai-responses", "responses-item", { item, action }));
}

function findDeployment(rest: string): Entry | null {
  for (const [tail, operation] of [
    ["/chat/completions", "chat"],
    ["/embeddings", "embed"],
  ] as const) {
    if (!rest.endsWith(tail) || rest.length === tail.length) continue;
    const entry = withText(rest.slice(0, -tail.length), POST, (model) =>
      client("openai-chat", operation, { model }),
    );
    return { ...entry, claimed: DEPLOYMENTS.length - 1 };
  }
  return null;
}

function findProviderAction(segments: readonly string[]): Entry | null {
  const [, providers, name = "", action = ""] = segments;
  if (segments.length !== 4 || providers !== "providers") return null;
  if (action !== "offline" && action !== "online" && action !== "reset") return null;
  return withText(name, POST, (decoded) => operator("provider", decoded, action));
}

function unsupported(what: string): Entry {
  return { methods: ANY, route: { kind: "unsupported", what } };
}

function withText(encoded: string, methods: readonly string[], make: (text: string) => Route): Entry {
  const text = decodeOnce(encoded);
  return text === null ? { methods: ANY, route: { kind: "bad-path" } } : { methods, route: make(text) };
}
