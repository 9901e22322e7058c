import assert from "node:assert/strict";
import { test } from "node:test";
import type { UpstreamErrorInfo } from "../../src/base/upstream-error.ts";
import {
  type AnswerFacts,
  classifyAnswer,
  classifyFailure,
  type Verdict,
  verdictOf,
} from "../../src/upstream/classify.ts";
import type { UpstreamCause } from "../../src/upstream/client.ts";
import { type Cause, FAILURE_ROWS } from "../../src/upstream/failure-rows.ts";

interface Answer extends Partial<Omit<AnswerFacts, "error" | "headers">> {
  code?: string;
  message?: string;
  param?: string;
  retryAfterMs?: number;
  recognised?: boolean;
  headers?: string[];
}

function classify(kind: string, status: number, answer: Answer = {}): Verdict {
  const error: UpstreamErrorInfo = {
    status: answer.status ?? status,
    code: answer.code ?? "",
    message: answer.message ?? "",
    param: answer.param ?? null,
    retryAfterMs: answer.retryAfterMs ?? null,
    recognised: answer.recognised ?? true,
  };
  const [providerKind = "", dialect = ""] = kind.split("/");
  return classifyAnswer({
    status,
    headers: answer.headers ?? [],
    error,
    providerKind,
    dialect,
    idInPath: answer.idInPath ?? false,
    retryAfterMax: 3000,
    needTokens: answer.needTokens ?? 0,
    wall: Date.UTC(2026, 0, 1),
  });
}

/** Real answers: provider kind, status, code, message, the row they belong to, and the member at fault where one is named. */
type Line = [kind: string, status: number, code: string, message: string, cause: Cause, correction?: string];

const ANSWERS: readonly Line[] = [
  // context too long
  [
    "openai",
    400,
    "context_length_exceeded",
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 150000 tokens.",
    "context_too_long",
  ],
  [
    "openai",
    400,
    "context_length_exceeded",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "context_too_long",
  ],
  [
    "azure_openai",
    400,
    "context_length_exceeded",
    "This model's maximum context length is 8192 tokens, however you requested 9000 tokens.",
    "context_too_long",
  ],
  [
    "anthropic",
    400,
    "invalid_request_error",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "context_too_long",
  ],
  [
    "anthropic",
    400,
    "invalid_request_error",
    "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length or `max_tokens` and try again",
    "context_too_long",
  ],
  ["bedrock", 400, "validationexception", "Input is too long for requested model.", "context_too_long"],
  ["bedrock", 400, "", "prompt is too long: 210000 tokens > 200000 maximum", "context_too_long"],
  [
    "google_ai",
    400,
    "invalid_argument",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "context_too_long",
  ],
  [
    "vertex_ai",
    400,
    "invalid_argument",
    "Unable to submit request because the input token count is 1200000 but model only supports up to 1048576. Reduce the input token count and try again.",
    "context_too_long",
  ],
  [
    "vertex_ai",
    400,
    "invalid_request_error",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "context_too_long",
  ],
  [
    "cohere",
    400,
    "",
    "too many tokens: total number of tokens in the prompt cannot exceed 128000 - received 160000. Try using a shorter prompt",
    "context_too_long",
  ],
  [
    "openai/groq",
    400,
    "context_length_exceeded",
    "Please reduce the length of the messages or completion.",
    "context_too_long",
  ],
  [
    "openai/cerebras",
    400,
    "context_length_exceeded",
    "Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192",
    "context_too_long",
  ],
  [
    "openai/mistral",
    400,
    "3051",
    "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
    "context_too_long",
  ],
  [
    "openai/openrouter",
    400,
    "400",
    "This endpoint's maximum context length is 32768 tokens. However, you requested about 40000 tokens (39000 of text input, 1000 in the output).",
    "context_too_long",
  ],
  [
    "openai/deepseek",
    400,
    "invalid_request_error",
    "This model's maximum context length is 65536 tokens. However, you requested 70000 tokens",
    "context_too_long",
  ],
  [
    "openai/kimi",
    400,
    "invalid_request_error",
    "Invalid request: Your request exceeded model token limit: 8192",
    "context_too_long",
  ],
  ["ollama", 400, "", "the input length exceeds the context length", "context_too_long"],
  [
    "openai/baseline",
    400,
    "exceed_context_size_error",
    "the request exceeds the available context size, try increasing it",
    "context_too_long",
  ],
  [
    "openai/baseline",
    500,
    "",
    "the request exceeds the available context size. try increasing the context size or enable context shift",
    "context_too_long",
  ],
  [
    "openai/baseline",
    400,
    "",
    "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
    "context_too_long",
  ],

  // too large for the quota, however long one waits
  [
    "openai/groq",
    413,
    "rate_limit_exceeded",
    "Request too large for model `llama-3.3-70b-versatile` in organization `org_x` on tokens per minute (TPM): Limit 12000, Requested 15000, please reduce your message size and try again.",
    "quota_too_small",
  ],
  [
    "openai",
    429,
    "rate_limit_exceeded",
    "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 50000. The input or output tokens must be reduced in order to run successfully.",
    "quota_too_small",
  ],
  [
    "anthropic",
    429,
    "rate_limit_error",
    "Extra usage is required for long context requests.",
    "quota_too_small",
  ],
  [
    "openai/openrouter",
    402,
    "402",
    "This request requires more credits, or fewer max_tokens. You requested up to 64000 tokens, but can only afford 2000.",
    "quota_too_small",
  ],

  // account, credit, region
  [
    "openai",
    429,
    "insufficient_quota",
    "You exceeded your current quota, please check your plan and billing details.",
    "account",
  ],
  [
    "openai",
    429,
    "billing_not_active",
    "Your account is not active, please check your billing details on our website.",
    "account",
  ],
  [
    "openai",
    403,
    "unsupported_country_region_territory",
    "Country, region, or territory not supported",
    "account",
  ],
  ["azure_openai", 429, "insufficient_quota", "You exceeded your current quota", "account"],
  [
    "anthropic",
    400,
    "invalid_request_error",
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
    "account",
  ],
  ["anthropic", 402, "billing_error", "There is an issue with your billing", "account"],
  ["google_ai", 400, "failed_precondition", "User location is not supported for the API use.", "account"],
  [
    "google_ai",
    429,
    "resource_exhausted",
    "Quota exceeded for metric: generate_content_free_tier_requests, limit: 0, model: gemini-2.5-pro",
    "account",
  ],
  [
    "google_ai",
    403,
    "permission_denied",
    "Generative Language API has not been used in project 123 before or it is disabled.",
    "account",
  ],
  ["openai/deepseek", 402, "invalid_request_error", "Insufficient Balance", "account"],
  [
    "openai/openrouter",
    402,
    "402",
    "Insufficient credits. Add more using https://openrouter.ai/credits",
    "account",
  ],
  [
    "openai/kimi",
    429,
    "exceeded_current_quota_error",
    "Your account is suspended, please check your plan and billing details",
    "account",
  ],
  ["cohere", 429, "", "You are using a Trial key, which is limited to 1000 API calls / month.", "account"],
  [
    "openai/baseline",
    403,
    "",
    "Your team has used all available credits or reached its monthly spending limit.",
    "account",
  ],
  [
    "bedrock",
    400,
    "servicequotaexceededexception",
    "Your request exceeds the service quota for your account.",
    "account",
  ],

  // credentials
  ["openai", 401, "invalid_api_key", "Incorrect API key provided: sk-x.", "credential"],
  ["openai", 401, "", "You must be a member of an organization to use the API", "credential"],
  [
    "azure_openai",
    401,
    "401",
    "Access denied due to invalid subscription key or wrong API endpoint.",
    "credential",
  ],
  ["azure_openai", 403, "403", "Access denied due to Virtual Network/Firewall rules.", "credential"],
  ["anthropic", 401, "authentication_error", "invalid x-api-key", "credential"],
  [
    "anthropic",
    403,
    "permission_error",
    "Your API key does not have permission to use the specified resource",
    "credential",
  ],
  ["google_ai", 400, "api_key_invalid", "API key not valid. Please pass a valid API key.", "credential"],
  ["google_ai", 400, "invalid_argument", "API key expired. Please renew the API key.", "credential"],
  [
    "google_ai",
    403,
    "permission_denied",
    "Your API key was reported as leaked. Please use another API key.",
    "credential",
  ],
  [
    "vertex_ai",
    403,
    "permission_denied",
    "Permission 'aiplatform.endpoints.predict' denied on resource",
    "credential",
  ],
  ["vertex_ai", 401, "unauthenticated", "Request had invalid authentication credentials.", "credential"],
  ["cohere", 401, "", "invalid api token", "credential"],
  ["cohere", 498, "", "invalid token", "credential"],
  ["openai/groq", 401, "invalid_api_key", "Invalid API Key", "credential"],
  ["openai/mistral", 401, "", "Unauthorized", "credential"],
  ["openai/openrouter", 401, "401", "No auth credentials found", "credential"],
  ["openai/deepseek", 401, "authentication_error", "Authentication Fails (no such user)", "credential"],
  [
    "openai/baseline",
    400,
    "",
    "Incorrect API key provided: xai-x. You can obtain an API key from https://console.x.ai.",
    "credential",
  ],
  ["openai/baseline", 403, "", "You are not authorized to use this key", "credential"],
  [
    "bedrock",
    403,
    "unrecognizedclientexception",
    "The security token included in the request is invalid.",
    "credential",
  ],
  [
    "bedrock",
    403,
    "accessdeniedexception",
    "You don't have access to the model with the specified model ID.",
    "credential",
  ],

  // a 403 about this request
  [
    "openai/openrouter",
    403,
    "403",
    "openai/gpt-4o requires moderation. Your input was flagged for violence.",
    "refused",
  ],
  ["openai/baseline", 403, "", "This prompt is not allowed here.", "refused"],

  // models
  [
    "openai",
    404,
    "model_not_found",
    "The model `gpt-9` does not exist or you do not have access to it.",
    "model_unknown",
  ],
  [
    "openai",
    403,
    "model_not_found",
    "Project `proj_x` does not have access to model `gpt-9`",
    "model_unknown",
  ],
  [
    "openai",
    404,
    "",
    "This is not a chat model and thus not supported in the v1/chat/completions endpoint.",
    "model_unknown",
  ],
  ["openai", 404, "", "Invalid URL (POST /v1/v1/chat/completions)", "model_unknown"],
  [
    "azure_openai",
    404,
    "deploymentnotfound",
    "The API deployment for this resource does not exist.",
    "model_unknown",
  ],
  ["azure_openai", 404, "404", "Resource not found", "model_unknown"],
  [
    "azure_openai",
    400,
    "operationnotsupported",
    "The chatCompletion operation does not work with the specified model, gpt-35-instruct.",
    "model_unknown",
  ],
  ["anthropic", 404, "not_found_error", "model: claude-9", "model_unknown"],
  [
    "google_ai",
    404,
    "not_found",
    "models/gemini-9 is not found for API version v1beta, or is not supported for generateContent.",
    "model_unknown",
  ],
  [
    "vertex_ai",
    404,
    "not_found",
    "Publisher Model `projects/p/locations/l/publishers/google/models/gemini-9` was not found or your project does not have access to it.",
    "model_unknown",
  ],
  [
    "cohere",
    404,
    "",
    "model 'command-x' not found, make sure the correct model ID was used and that you have access to the model.",
    "model_unknown",
  ],
  [
    "openai/groq",
    404,
    "model_not_found",
    "The model `x` does not exist or you do not have access to it.",
    "model_unknown",
  ],
  [
    "openai/groq",
    400,
    "model_decommissioned",
    "The model `mixtral-8x7b-32768` has been decommissioned and is no longer supported.",
    "model_unknown",
  ],
  ["openai/mistral", 400, "1500", "Invalid model: mistral-x", "model_unknown"],
  ["openai/openrouter", 400, "400", "foo/bar is not a valid model ID", "model_unknown"],
  ["openai/openrouter", 404, "404", "No endpoints found for foo/bar.", "model_unknown"],
  ["openai/deepseek", 400, "invalid_request_error", "Model Not Exist", "model_unknown"],
  ["ollama", 404, "", 'model "llama9" not found, try pulling it first', "model_unknown"],
  ["bedrock", 400, "validationexception", "The provided model identifier is invalid.", "model_unknown"],
  [
    "bedrock",
    404,
    "resourcenotfoundexception",
    "This Model is marked by provider as Legacy and you have not been actively using the model",
    "model_unknown",
  ],

  // ids of the caller
  [
    "openai",
    400,
    "previous_response_not_found",
    "Previous response with id 'resp_x' not found.",
    "id_unknown",
  ],
  ["openai", 404, "", "No such File object: file-x", "id_unknown"],
  ["openai", 404, "", "Response with id 'resp_x' not found.", "id_unknown"],

  // content filters
  [
    "openai",
    400,
    "content_policy_violation",
    "Your request was rejected as a result of our safety system.",
    "content_filter",
  ],
  [
    "openai",
    400,
    "invalid_prompt",
    "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
    "content_filter",
  ],
  [
    "azure_openai",
    400,
    "content_filter",
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    "content_filter",
  ],
  ["anthropic", 400, "invalid_request_error", "Output blocked by content filtering policy", "content_filter"],
  [
    "google_ai",
    400,
    "invalid_argument",
    "The prompt could not be submitted: it contains prohibited content.",
    "content_filter",
  ],
  ["openai/deepseek", 400, "invalid_request_error", "Content Exists Risk", "content_filter"],
  [
    "openai/kimi",
    400,
    "content_filter",
    "The request was rejected because it was considered high risk",
    "content_filter",
  ],

  // thinking and signatures
  [
    "anthropic",
    400,
    "invalid_request_error",
    "messages.1.content.0: Invalid `signature` in `thinking` block",
    "correctable",
    "thinking_history",
  ],
  [
    "anthropic",
    400,
    "invalid_request_error",
    "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a thinking block",
    "correctable",
    "thinking_history",
  ],
  [
    "anthropic",
    400,
    "invalid_request_error",
    "messages.3.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.",
    "correctable",
    "thinking_history",
  ],
  [
    "bedrock",
    400,
    "validationexception",
    "messages.1.content.0: Invalid `signature` in `thinking` block",
    "correctable",
    "thinking_history",
  ],
  [
    "anthropic",
    400,
    "invalid_request_error",
    "`max_tokens` must be greater than `thinking.budget_tokens`",
    "correctable",
    "thinking_off",
  ],
  [
    "anthropic",
    400,
    "invalid_request_error",
    "adaptive thinking is not supported on this model",
    "correctable",
    "thinking_off",
  ],
  [
    "openai",
    400,
    "invalid_encrypted_content",
    "The encrypted content gAAA... could not be verified.",
    "correctable",
    "thinking_history",
  ],
  [
    "openai",
    400,
    "",
    "Item 'fc_x' of type 'function_call' was provided without its required 'reasoning' item: 'rs_x'.",
    "correctable",
    "thinking_history",
  ],
  [
    "openai",
    404,
    "",
    "Item with id 'rs_x' not found. Items are not persisted when `store` is set to false.",
    "correctable",
    "thinking_history",
  ],
  [
    "google_ai",
    400,
    "invalid_argument",
    "Function call is missing a thought_signature in functionCall parts.",
    "correctable",
    "thinking_history",
  ],
  ["google_ai", 400, "invalid_argument", "Thought signature is not valid", "correctable", "thinking_history"],
  [
    "google_ai",
    400,
    "invalid_argument",
    "Budget 0 is invalid. This model only works in thinking mode.",
    "correctable",
    "thinking_off",
  ],
  [
    "openai/deepseek",
    400,
    "invalid_request_error",
    "Missing `reasoning_content` field in the assistant message at message index 3.",
    "correctable",
    "thinking_off",
  ],
  [
    "openai/kimi",
    400,
    "invalid_request_error",
    "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2",
    "correctable",
    "thinking_off",
  ],
  ["ollama", 400, "", '"llama3" does not support thinking', "correctable", "thinking_off"],

  // members the target does not take
  [
    "openai",
    400,
    "unsupported_parameter",
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    "correctable",
    "max_tokens",
  ],
  [
    "openai",
    400,
    "unsupported_value",
    "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
    "correctable",
    "temperature",
  ],
  ["openai", 400, "unknown_parameter", "Unknown parameter: 'foo'.", "correctable", "foo"],
  ["openai", 400, "", "Unrecognized request argument supplied: top_k", "correctable", "top_k"],
  [
    "anthropic",
    400,
    "invalid_request_error",
    "context_management: Extra inputs are not permitted",
    "correctable",
    "context_management",
  ],
  [
    "anthropic",
    400,
    "invalid_request_error",
    "tools.0.custom.defer_loading: Extra inputs are not permitted",
    "correctable",
    "tools.0.custom.defer_loading",
  ],
  [
    "anthropic",
    400,
    "invalid_request_error",
    "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
    "correctable",
    "top_p",
  ],
  [
    "anthropic",
    400,
    "invalid_request_error",
    "`temperature` is deprecated for this model.",
    "correctable",
    "temperature",
  ],
  [
    "google_ai",
    400,
    "invalid_argument",
    `Invalid JSON payload received. Unknown name "foo" at 'generation_config': Cannot find field.`,
    "correctable",
    "generation_config.foo",
  ],
  [
    "google_ai",
    400,
    "invalid_argument",
    'Invalid JSON payload received. Unknown name "bar": Cannot find field.',
    "correctable",
    "bar",
  ],
  [
    "cohere",
    422,
    "",
    "invalid request: parameter 'logit_bias' is not a valid field",
    "correctable",
    "logit_bias",
  ],
  ["openai/groq", 400, "invalid_request_error", "property 'store' is unsupported", "correctable", "store"],
  [
    "openai/groq",
    400,
    "invalid_request_error",
    "'messages.0' : for 'role:system' the following must be satisfied[('messages.0' : property 'name' is unsupported)]",
    "correctable",
    "messages.0.name",
  ],
  [
    "openai/cerebras",
    422,
    "wrong_api_format",
    "property 'frequency_penalty' is unsupported",
    "correctable",
    "frequency_penalty",
  ],
  [
    "openai/mistral",
    422,
    "extra_forbidden",
    '[{"type":"extra_forbidden","loc":["body","store"],"msg":"Extra inputs are not permitted"}]',
    "correctable",
    "store",
  ],
  ["openai/mistral", 422, "", "body.store: Extra inputs are not permitted", "correctable", "store"],
  [
    "openai/deepseek",
    400,
    "invalid_request_error",
    "This response_format type is unavailable now",
    "correctable",
    "response_format",
  ],
  ["openai/baseline", 400, "", "'store' is not supported", "correctable", "store"],

  // limits, errors of the server, the rest
  [
    "openai",
    429,
    "rate_limit_exceeded",
    "Rate limit reached for gpt-4o on requests per min (RPM): Limit 3, Used 3, Requested 1.",
    "rate_limit",
  ],
  [
    "azure_openai",
    429,
    "429",
    "Requests to the ChatCompletions_Create Operation have exceeded call rate limit. Please retry after 26 seconds.",
    "rate_limit",
  ],
  [
    "anthropic",
    429,
    "rate_limit_error",
    "This request would exceed your organization's rate limit of 50 requests per minute",
    "rate_limit",
  ],
  [
    "google_ai",
    429,
    "resource_exhausted",
    "You exceeded your current quota, please check your plan and billing details.",
    "rate_limit",
  ],
  ["vertex_ai", 429, "resource_exhausted", "Resource exhausted. Please try again later.", "rate_limit"],
  [
    "openai/baseline",
    429,
    "resource_exhausted",
    "You exceeded your current quota, please check your plan and billing details.",
    "rate_limit",
  ],
  ["cohere", 429, "", "You are using a Trial key, which is limited to 20 API calls / minute.", "rate_limit"],
  ["openai/groq", 498, "capacity_exceeded", "Flex tier capacity exceeded", "rate_limit"],
  ["openai/cerebras", 429, "token_quota_exceeded", "Too many tokens processed.", "rate_limit"],
  ["openai/mistral", 429, "", "Requests rate limit exceeded", "rate_limit"],
  ["openai/openrouter", 429, "429", "Rate limit exceeded: free-models-per-min.", "rate_limit"],
  [
    "bedrock",
    429,
    "throttlingexception",
    "Too many requests, please wait before trying again.",
    "rate_limit",
  ],
  ["anthropic", 529, "overloaded_error", "Overloaded", "server_error"],
  [
    "bedrock",
    424,
    "modelerrorexception",
    "The request failed due to an error while processing the model.",
    "server_error",
  ],
  ["openai/openrouter", 502, "502", "Provider returned error", "server_error"],
  ["openai/deepseek", 503, "", "Service is too busy", "server_error"],
  ["ollama", 500, "", "llama runner process has terminated", "server_error"],
  ["openai", 400, "invalid_request_error", "Invalid value for 'messages[0].role'", "caller_error"],
  ["openai", 400, "string_above_max_length", "Invalid 'input': string too long.", "caller_error"],
  ["anthropic", 413, "request_too_large", "Request exceeds the maximum size", "caller_error"],
  ["openai", 405, "", "Method not allowed", "caller_error"],
  ["openai", 422, "", "Unprocessable", "caller_error"],
];

for (const [kind, status, code, message, cause, correction] of ANSWERS) {
  test(`${kind} ${status} "${message.slice(0, 70)}" is ${cause}`, () => {
    const verdict = classify(kind, status, { code, message });
    assert.equal(verdict.cause, cause);
    const wanted = correction ?? "";
    const got = verdict.correction === null ? "" : verdict.correction.member || verdict.correction.kind;
    assert.equal(got, wanted);
    if (cause === "correctable") assert.equal(verdict.sameTarget, "corrected");
  });
}

/** The failure table of the specification: counts, same target, next target. */
const TABLE: Readonly<Record<Cause, readonly [counts: boolean, same: string, next: string]>> = {
  connect: [true, "once", "yes"],
  certificate_clock: [false, "no", "yes"],
  connect_timeout: [true, "no", "yes"],
  server_error: [true, "once", "yes"],
  rate_limit: [false, "after_wait", "yes"],
  quota_too_small: [false, "no", "yes"],
  account: [false, "no", "yes"],
  credential: [false, "no", "yes"],
  refused: [false, "no", "no"],
  model_unknown: [false, "no", "yes"],
  id_unknown: [false, "no", "no"],
  late: [false, "no", "yes"],
  timeout: [true, "no", "yes"],
  context_too_long: [false, "no", "larger_context"],
  correctable: [false, "corrected", "yes"],
  content_filter: [false, "no", "no"],
  caller_error: [false, "no", "no"],
  bad_answer: [true, "no", "yes"],
  cut_body: [true, "once", "yes"],
  error_answer: [true, "no", "yes"],
  stream_broken: [true, "no", "continuation"],
  malformed_event: [false, "no", "no"],
  unterminated: [false, "no", "no"],
  client_gone: [false, "no", "no"],
  pool_full: [false, "no", "yes"],
};

for (const [name, [counts, same, next]] of Object.entries(TABLE)) {
  test(`row ${name}: counts ${counts}, same target ${same}, next ${next}`, () => {
    const verdict = verdictOf(name as Cause);
    assert.deepEqual([verdict.counts, verdict.sameTarget, verdict.next], [counts, same, next]);
    const bench = { credential: "credential", account: "credential", model_unknown: "model" }[name] ?? null;
    assert.equal(verdict.bench, bench);
    assert.equal(verdict.limited, name === "rate_limit");
    assert.equal(verdict.clockWrong, name === "certificate_clock");
  });
}

test("the table of rows is complete", () => {
  assert.deepEqual(Object.keys(FAILURE_ROWS).sort(), Object.keys(TABLE).sort());
});

test("every 5xx, 408 and 409 counts and is repeated once; 501 and 505 are not repeated", () => {
  for (const status of [
    500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 530, 529, 408, 409, 599,
  ]) {
    const verdict = classify("openai", status);
    assert.deepEqual(
      [verdict.cause, verdict.counts, verdict.sameTarget],
      ["server_error", true, "once"],
      `${status}`,
    );
  }
  for (const status of [501, 505]) {
    const verdict = classify("openai", status);
    assert.deepEqual([verdict.cause, verdict.sameTarget, verdict.next], ["server_error", "no", "yes"]);
  }
});

test("a 503 is repeated after its Retry-After, but not when that is too long", () => {
  const soon = classify("openai", 503, { headers: ["retry-after", "2"] });
  assert.deepEqual([soon.sameTarget, soon.waitMs], ["once", 2000]);
  const late = classify("openai", 503, { headers: ["retry-after", "4"] });
  assert.deepEqual([late.sameTarget, late.counts], ["no", true]);
  assert.equal(late.cooldownMs, null, "a failing server is the circuit's, not the cooldown's");
});

test("every 3xx is a bad answer, 401, 402 and 498 are ours to mend, and other 4xx are the caller's", () => {
  for (const status of [301, 302, 307, 308]) assert.equal(classify("openai", status).cause, "bad_answer");
  assert.equal(classify("openai", 401).cause, "credential");
  assert.equal(classify("openai", 498).cause, "credential");
  assert.equal(classify("openai", 402).cause, "account");
  for (const status of [
    400, 405, 406, 410, 411, 412, 413, 415, 416, 417, 418, 421, 422, 423, 425, 426, 428, 431, 451, 499,
  ]) {
    const verdict = classify("openai", status, { message: "no" });
    assert.deepEqual([verdict.cause, verdict.next, verdict.relay], ["caller_error", "no", true], `${status}`);
  }
});

test("a 429 is waited out on the same target when the wait is short, and cools the target either way", () => {
  const short = classify("openai", 429, { headers: ["retry-after", "3"] });
  assert.deepEqual(
    [short.sameTarget, short.waitMs, short.cooldownMs, short.counts],
    ["after_wait", 3000, 3000, false],
  );
  const long = classify("openai", 429, { headers: ["retry-after", "4"] });
  assert.deepEqual([long.sameTarget, long.cooldownMs, long.next], ["no", 4000, "yes"]);
  const silent = classify("openai", 429);
  assert.deepEqual([silent.sameTarget, silent.waitMs, silent.cooldownMs], ["after_wait", null, null]);
});

test("the wait of a 429 is found in headers, body, message and reset headers, in this order", () => {
  const wait = (answer: Answer) => classify("openai", 429, answer).cooldownMs;
  assert.equal(wait({ headers: ["retry-after-ms", "1500", "retry-after", "2"], retryAfterMs: 9 }), 1500);
  assert.equal(wait({ headers: ["retry-after", "2"], retryAfterMs: 7000 }), 2000);
  assert.equal(wait({ retryAfterMs: 7000, message: "Please try again in 9s" }), 7000);
  assert.equal(wait({ message: "Rate limit reached. Please try again in 1m7.66s. Visit" }), 67_660);
  const reset = [
    ["x-ratelimit-limit-requests", "60"],
    ["x-ratelimit-remaining-requests", "0"],
    ["x-ratelimit-reset-requests", "1m0s"],
    ["x-ratelimit-limit-tokens", "1000"],
    ["x-ratelimit-remaining-tokens", "900"],
    ["x-ratelimit-reset-tokens", "6s"],
  ].flat();
  assert.equal(wait({ headers: reset }), 1000);
  assert.equal(wait({ headers: reset, needTokens: 950 }), 6000);
});

test("an HTML firewall page is about this request, whatever it says", () => {
  const page = "<!DOCTYPE html><html><title>Access denied</title>Invalid API key permission";
  const verdict = classify("openai", 403, { message: page, recognised: false });
  assert.deepEqual(
    [verdict.cause, verdict.counts, verdict.next, verdict.bench],
    ["refused", false, "no", null],
  );
  const typed = classify("openai", 403, {
    message: "Access denied",
    recognised: false,
    headers: ["content-type", "text/html; charset=utf-8"],
  });
  assert.equal(typed.cause, "refused");
  assert.equal(classify("openai", 403, { message: "Access denied", recognised: false }).cause, "credential");
  assert.equal(classify("openai", 502, { message: page, recognised: false }).cause, "server_error");
});

test("a 404 without a recognised body is a wrong address unless the path holds the caller's id", () => {
  const html = { message: "<html>404 Not Found</html>", recognised: false };
  assert.equal(classify("openai", 404, html).cause, "model_unknown");
  assert.equal(classify("openai", 404, { ...html, idInPath: true }).cause, "id_unknown");
  assert.equal(classify("openai", 404, { message: "Not here" }).cause, "id_unknown");
});

test("an error inside a 200 is the target's failure unless its words say otherwise", () => {
  const inBand = (status: number, code: string, message: string) =>
    classify("anthropic", 200, { status, code, message }).cause;
  assert.equal(inBand(0, "server_error", "The server had an error"), "error_answer");
  assert.equal(inBand(529, "overloaded_error", "Overloaded"), "error_answer");
  assert.equal(inBand(0, "", ""), "error_answer");
  assert.equal(inBand(429, "rate_limit_error", "slow down"), "rate_limit");
  assert.equal(inBand(0, "rate_limit_exceeded", "slow down"), "rate_limit");
  assert.equal(inBand(0, "insufficient_quota", ""), "account");
  assert.equal(inBand(0, "context_length_exceeded", ""), "context_too_long");
  assert.equal(inBand(400, "content_filter", ""), "content_filter");
});

test("what the request cannot do without is never left out", () => {
  for (const member of ["model", "messages", "tools", "stream", "input", "contents"]) {
    const verdict = classify("openai", 400, {
      code: "unsupported_parameter",
      message: `Unsupported parameter: '${member}'`,
    });
    assert.deepEqual(
      [verdict.cause, verdict.correction, verdict.sameTarget],
      ["correctable", null, "no"],
      member,
    );
    assert.equal(verdict.next, "yes");
  }
});

test("the vendor's own naming of the member wins over the message", () => {
  const verdict = classify("openai", 400, {
    code: "unsupported_parameter",
    message: "Unsupported parameter: 'a'",
    param: "reasoning.effort",
  });
  assert.deepEqual(verdict.correction, { kind: "member", member: "reasoning.effort" });
});

test("a target that lacks an ability is passed over without a correction", () => {
  for (const [kind, status, message] of [
    ["ollama", 400, '"gemma" does not support tools'],
    ["openai/openrouter", 404, "No endpoints found that support tool use."],
    ["openai/openrouter", 404, "No endpoints found that support image input"],
  ] as const) {
    const verdict = classify(kind, status, { message });
    assert.deepEqual(
      [verdict.cause, verdict.correction, verdict.sameTarget, verdict.next],
      ["correctable", null, "no", "yes"],
    );
  }
});

test("Bedrock's exception is read from its header when the body does not name it", () => {
  const headers = ["x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/coral/"];
  assert.equal(classify("bedrock", 400, { headers }).cause, "rate_limit");
});

test("what the caller would be told follows the class of the failure", () => {
  assert.equal(classify("openai", 401).failureKind, "upstream_auth");
  assert.equal(classify("openai", 402).failureKind, "quota");
  assert.equal(classify("openai", 503).failureKind, "overloaded");
  assert.equal(classify("openai", 504).failureKind, "timeout");
  assert.equal(classify("openai", 500).failureKind, "upstream");
  assert.equal(classify("openai", 413).failureKind, "too_large");
  assert.equal(classify("openai", 429).failureKind, "rate_limit");
});

test("a monstrous message is classified quickly", () => {
  const message = `${"unknown parameter ".repeat(50_000)}${"'a".repeat(50_000)}`;
  const before = process.hrtime.bigint();
  for (let i = 0; i < 20; i++) classify("openai/baseline", 400, { message });
  const ms = Number(process.hrtime.bigint() - before) / 1e6;
  assert.ok(ms < 500, `${ms} ms`);
});

const HEAD = { phase: "head", stream: true, clockUntrusted: false } as const;

test("each cause of a failed exchange belongs to its row, by the phase it struck in", () => {
  const causeOf = (cause: UpstreamCause, facts: Partial<Parameters<typeof classifyFailure>[1]> = {}) =>
    classifyFailure({ cause, message: "" }, { ...HEAD, ...facts }).cause;
  for (const cause of ["dns", "refused", "unreachable", "tls", "proxy", "reset"] as const) {
    assert.equal(causeOf(cause), "connect");
  }
  assert.equal(causeOf("connect_timeout"), "connect_timeout");
  for (const cause of ["first_byte_timeout", "idle_timeout", "total_timeout"] as const) {
    assert.equal(causeOf(cause), "timeout");
    assert.equal(causeOf(cause, { phase: "content" }), "stream_broken");
  }
  assert.equal(causeOf("bad_response"), "bad_answer");
  assert.equal(causeOf("bad_response", { phase: "content" }), "stream_broken");
  assert.equal(causeOf("cut", { phase: "body", stream: false }), "cut_body");
  assert.equal(causeOf("cut", { phase: "body" }), "error_answer");
  assert.equal(causeOf("cut", { phase: "content" }), "stream_broken");
  assert.equal(causeOf("pool_full"), "pool_full");
});

test("a certificate out of its time is held against our clock only while that cannot be trusted", () => {
  const tls = (tlsReason: "expired" | "not_yet_valid" | "unknown_ca", clockUntrusted: boolean) =>
    classifyFailure({ cause: "tls", message: "", tlsReason }, { ...HEAD, clockUntrusted });
  assert.equal(tls("expired", true).cause, "certificate_clock");
  assert.equal(tls("not_yet_valid", true).cause, "certificate_clock");
  assert.equal(tls("not_yet_valid", true).clockWrong, true);
  assert.equal(tls("expired", false).cause, "connect");
  assert.equal(tls("unknown_ca", true).cause, "connect");
});

test("only what a dead uplink can cause is a sign of one", () => {
  const sign = (cause: UpstreamCause) => classifyFailure({ cause, message: "" }, HEAD).wanSign;
  assert.deepEqual((["connect_timeout", "dns", "unreachable"] as const).map(sign), [true, true, true]);
  assert.deepEqual((["refused", "reset", "tls", "first_byte_timeout"] as const).map(sign), [
    false,
    false,
    false,
    false,
  ]);
});
