/** The table of paths: every row of the HTTP surface, wrong methods, odd spellings, and what a provider's prefix may take. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { joinBasePath } from "../../src/gateway/base-path.ts";
import { resolveDotSegments } from "../../src/http/path.ts";
import { matchPrefix } from "../../src/http/prefix.ts";
import { matchRoute } from "../../src/http/routes.ts";

/** method, path, what it is in short */
const ROWS: readonly (readonly [string, string, string])[] = [
  ["POST", "/v1/chat/completions", "openai-chat chat"],
  ["POST", "/v1/completions", "openai-chat complete"],
  ["POST", "/v1/embeddings", "openai-chat embed"],
  ["POST", "/v1/moderations", "openai-chat moderations"],
  ["POST", "/v1/images/generations", "openai-chat images action=/generations"],
  ["POST", "/v1/images/edits", "openai-chat images action=/edits"],
  ["POST", "/v1/audio/speech", "openai-chat audio action=/speech"],
  ["POST", "/v1/audio/transcriptions", "openai-chat audio action=/transcriptions"],
  ["POST", "/v1/responses", "openai-responses chat"],
  ["POST", "/v1/responses/input_tokens", "openai-responses count"],
  ["POST", "/v1/responses/compact", "openai-responses compact"],
  ["GET", "/v1/responses/resp_1", "openai-responses responses-item item=resp_1"],
  ["DELETE", "/v1/responses/resp_1", "openai-responses responses-item item=resp_1"],
  ["POST", "/v1/responses/resp_1/cancel", "openai-responses responses-item item=resp_1 action=cancel"],
  [
    "GET",
    "/v1/responses/resp_1/input_items",
    "openai-responses responses-item item=resp_1 action=input_items",
  ],
  ["POST", "/openai/deployments/fast/chat/completions", "openai-chat chat model=fast"],
  ["POST", "/openai/deployments/fast/embeddings", "openai-chat embed model=fast"],
  ["POST", "/openai/deployments/groq%2Fllama/chat/completions", "openai-chat chat model=groq/llama"],
  ["POST", "/v1/messages", "anthropic chat"],
  ["POST", "/v1/messages/count_tokens", "anthropic count"],
  ["POST", "/v1beta/models/gemini-2.5-pro:generateContent", "gemini chat model=gemini-2.5-pro stream=false"],
  [
    "POST",
    "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
    "gemini chat model=gemini-2.5-pro stream=true",
  ],
  ["POST", "/v1/models/gemini-2.5-pro:generateContent", "gemini chat model=gemini-2.5-pro stream=false"],
  ["POST", "/v1beta/models/e:embedContent", "gemini embed model=e"],
  ["POST", "/v1beta/models/e:batchEmbedContents", "gemini embed-batch model=e"],
  ["POST", "/v1beta/models/e:countTokens", "gemini count model=e"],
  ["POST", "/v1beta/models/openai/gpt-4o:generateContent", "gemini chat model=openai/gpt-4o stream=false"],
  ["POST", "/v1beta/models/llama3%3A8b:generateContent", "gemini chat model=llama3:8b stream=false"],
  ["POST", "/v1beta/models/a%252Fb:generateContent", "gemini chat model=a%2Fb stream=false"],
  ["POST", "/v1beta/models/x%3AgenerateContent", "405 GET,HEAD"],
  ["POST", "/v2/chat", "cohere chat"],
  ["POST", "/v1/chat", "cohere-v1 chat"],
  ["POST", "/v2/embed", "cohere embed"],
  ["POST", "/v1/embed", "cohere-v1 embed"],
  ["POST", "/v2/rerank", "cohere rerank"],
  ["POST", "/v1/rerank", "cohere-v1 rerank"],
  ["POST", "/api/chat", "ollama chat"],
  ["POST", "/api/generate", "ollama generate"],
  ["POST", "/api/embed", "ollama embed"],
  ["POST", "/api/embeddings", "ollama embed-one"],
  ["GET", "/api/tags", "ollama ollama-tags"],
  ["HEAD", "/api/tags", "ollama ollama-tags"],
  ["POST", "/api/show", "ollama ollama-show"],
  ["GET", "/api/ps", "ollama ollama-ps"],
  ["GET", "/api/version", "ollama ollama-version"],
  ["GET", "/v1/models", "openai-chat models"],
  ["GET", "/v1/models/", "openai-chat models"],
  ["GET", "/v1/models/gpt-4o", "openai-chat model model=gpt-4o"],
  ["GET", "/v1/models/openai/gpt-4o", "openai-chat model model=openai/gpt-4o"],
  ["GET", "/v1/models/llama3:8b", "openai-chat model model=llama3:8b"],
  ["GET", "/v1beta/models", "gemini models"],
  ["GET", "/v1beta/models/x", "gemini model model=x"],
  ["GET", "/", "operator root"],
  ["HEAD", "/", "operator root"],
  ["GET", "/health", "operator health"],
  ["HEAD", "/healthz", "operator health"],
  ["GET", "/ready", "operator ready"],
  ["GET", "/status", "operator status"],
  ["GET", "/metrics", "operator metrics"],
  ["POST", "/reload", "operator reload"],
  ["POST", "/admin/providers/a%20b/offline", "operator provider a b offline"],
  ["POST", "/admin/providers/openai/reset", "operator provider openai reset"],
  ["GET", "/api/dashboard/summary", "operator api dashboard/summary"],
  ["PATCH", "/api/policies/p1", "operator api policies/p1"],
  ["DELETE", "/api/cache", "operator api cache"],
  ["GET", "/console", "console "],
  ["GET", "/console/assets/a.js", "console assets/a.js"],
  ["POST", "/api/pull", "501 Ollama's pull"],
  ["HEAD", "/api/blobs/sha256:ab", "501 Ollama's blobs"],
  ["POST", "/v1/files", "501 files"],
  ["GET", "/v1/batches/b1", "501 batches"],
  ["POST", "/v1/messages/batches", "501 batches"],
  ["GET", "/v1/realtime", "501 realtime"],
  ["POST", "/v1/threads/t/runs", "501 threads"],
  ["POST", "/v1beta/cachedContents", "501 cachedContents"],
  ["GET", "/v1/chat/completions", "405 POST"],
  ["PUT", "/v1/models", "405 GET,HEAD"],
  ["DELETE", "/health", "405 GET,HEAD"],
  ["GET", "/reload", "405 POST"],
  ["get", "/health", "405 GET,HEAD"],
  ["BREW", "/v1/messages", "405 POST"],
  ["OPTIONS", "/v1/chat/completions", "options POST,OPTIONS"],
  ["OPTIONS", "/status", "options admin GET,HEAD,OPTIONS"],
  ["OPTIONS", "/api/policies", "options admin GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"],
  ["OPTIONS", "/health", "options GET,HEAD,OPTIONS"],
  ["OPTIONS", "*", "options GET,POST"],
  ["GET", "/nothing", "unknown"],
  ["GET", "/v1", "unknown"],
  ["GET", "/v1/nothing", "unknown"],
  ["POST", "/v1/images", "unknown"],
  ["POST", "/v1/responses/a/b", "unknown"],
  ["POST", "/v1/responses/a/cancel/x", "unknown"],
  ["POST", "/admin/providers/x/explode", "unknown"],
  ["POST", "/admin/providers/x", "unknown"],
  ["GET", "/Health", "unknown"],
  ["GET", "/__proto__", "unknown"],
  ["POST", "/v1//chat//completions", "openai-chat chat"],
  ["POST", "/v1/chat/completions/", "openai-chat chat"],
  ["POST", "/x/../v1/./chat/completions", "openai-chat chat"],
  ["POST", "/x/%2e%2E/v1/chat/completions", "openai-chat chat"],
  ["GET", "/v1/%2e./status", "operator status"],
  ["GET", "/..", "400"],
  ["GET", "/a/../../b", "400"],
  ["GET", "/%2e%2e/etc/passwd", "400"],
  ["GET", "/v1/models/..%2f..%2fstatus", "400"],
  ["GET", "/v1/models/..%5cstatus", "400"],
  ["GET", "/v1/models/%zz", "400"],
  ["GET", "/v1/models/%ff", "400"],
  ["GET", "/v1/models/a%00b", "400"],
  ["GET", "", "400"],
  ["GET", "v1/models", "400"],
];

function describe(method: string, path: string): string {
  const { route } = matchRoute(method, path);
  switch (route.kind) {
    case "client": {
      let text = `${route.protocol} ${route.operation}`;
      if (route.model !== "") text += ` model=${route.model}`;
      if (route.stream !== null) text += ` stream=${route.stream}`;
      if (route.item !== "") text += ` item=${route.item}`;
      if (route.action !== "") text += ` action=${route.action}`;
      return text;
    }
    case "operator":
      return ["operator", route.page, route.name, route.action].filter((part) => part !== "").join(" ");
    case "console":
      return `console ${route.file}`;
    case "unsupported":
      return `501 ${route.what}`;
    case "method":
      return `405 ${route.allow.join()}`;
    case "options":
      return `options ${route.admin ? "admin " : ""}${route.allow.join()}`;
    case "bad-path":
      return "400";
    case "unknown":
      return "unknown";
  }
}

for (const [method, path, expected] of ROWS) {
  test(`${method} ${path} is ${expected}`, () => assert.equal(describe(method, path), expected));
}

/** Which of the two wins: the gateway's own path or the longest prefix. At equal length the prefix does. */
function owner(path: string, prefixes: readonly string[]): string {
  const { path: resolved, claimed } = matchRoute("POST", path);
  const match = matchPrefix(resolved, prefixes);
  return match !== null && match.prefix.length >= claimed ? `${match.prefix} ${match.rest}` : "own";
}

test("a prefix takes what is not the gateway's, whole segments only, the longest first", () => {
  const prefixes = ["/openai", "/openai/x", "/v1", "/ollama"];
  assert.equal(owner("/openai/v1/models", prefixes), "/openai /v1/models");
  assert.equal(owner("/openai", prefixes), "/openai ");
  assert.equal(owner("/openai/", prefixes), "/openai /");
  assert.equal(owner("/openai/x/y%2Fz//", prefixes), "/openai/x /y%2Fz//");
  assert.equal(owner("/openai-v2/models", prefixes), "own");
  assert.equal(owner("/v1/chat/completions", prefixes), "own");
  assert.equal(owner("/v1/files", prefixes), "/v1 /files");
  assert.equal(owner("/v1/whatever", prefixes), "/v1 /whatever");
  assert.equal(owner("/openai/%2e%2e/v1/whatever", prefixes), "/v1 /whatever");
});

test("Azure's paths stay the gateway's under /openai and go to a prefix that names them", () => {
  const path = "/openai/deployments/fast/chat/completions";
  assert.equal(owner(path, ["/openai"]), "own");
  assert.equal(owner(path, ["/openai/deployments"]), "/openai/deployments /fast/chat/completions");
  assert.equal(owner(path, ["/openai/deployments/fast"]), "/openai/deployments/fast /chat/completions");
});

test("a prefix equal to one of the gateway's own paths wins", () => {
  assert.equal(owner("/api/chat", ["/api"]), "own");
  assert.equal(owner("/api/chat", ["/api/chat"]), "/api/chat ");
  assert.equal(owner("/api/pull", ["/api"]), "/api /pull");
});

test("dot segments are resolved as in RFC 3986 5.2.4", () => {
  for (const [path, expected] of [
    ["/a/b/c/./../../g", "/a/g"],
    ["/a/b/..", "/a/"],
    ["/a/.", "/a/"],
    ["/a/...", "/a/..."],
    ["/a/.b", "/a/.b"],
    ["/a//../b", "/a/b"],
    ["/%2E%2e", null],
    ["/a%2f..%2fb", null],
    ["/a/%252e%252e/b", "/a/%252e%252e/b"],
    ["/a\\..\\b", null],
    ["/", "/"],
  ] as const) {
    assert.equal(resolveDotSegments(path), expected, path);
  }
});

test("the base path and the rest are joined with one slash", () => {
  assert.equal(joinBasePath("/v1", "/models"), "/v1/models");
  assert.equal(joinBasePath("/v1/", "/models"), "/v1/models");
  assert.equal(joinBasePath("", ""), "/");
  assert.equal(joinBasePath("/v1", ""), "/v1");
});
