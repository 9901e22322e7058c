/** Servers that speak like OpenAI and say some things in words of their own. */
import type { Rule } from "./rule.ts";

export const GROQ: readonly Rule[] = [
  { cause: "quota_too_small", status: [413, 429], message: /request too large/i },
  // Groq's flex tier is out of capacity; elsewhere 498 is a bad token.
  { cause: "rate_limit", status: 498 },
  { cause: "account", status: [400, 403], code: /^(blocked_api_access|organization_restricted)$/ },
];

export const MISTRAL: readonly Rule[] = [
  { cause: "context_too_long", status: 400, code: /^3051$/ },
  { cause: "context_too_long", status: 400, message: /prompt contains \d+ tokens.*too large for model/i },
  { cause: "model_unknown", status: [400, 404], code: /^(1500|invalid_model)$/ },
  {
    cause: "correctable",
    status: 422,
    message: /extra_forbidden|extra inputs are not permitted/i,
    correction: "member",
    member: /(?:"loc":\s*\["body",\s*"|body[., ]+)(?<member>[\w.]{1,128})/i,
  },
];

export const OPENROUTER: readonly Rule[] = [
  // The account could pay for less: about this request, not about the account.
  { cause: "quota_too_small", status: 402, message: /can only afford|fewer max_tokens/i },
  { cause: "refused", status: 403, message: /moderation|flagged/i },
  { cause: "account", status: 404, message: /data policy|privacy|guardrail restrictions/i },
  {
    cause: "model_unknown",
    status: [400, 404],
    message: /no endpoints found for|not a valid model id|no allowed providers/i,
  },
];

export const DEEPSEEK: readonly Rule[] = [
  { cause: "content_filter", status: 400, message: /content exists risk/i },
  { cause: "model_unknown", status: 400, message: /model not exist/i },
  {
    cause: "correctable",
    status: 400,
    message: /response_format type is unavailable/i,
    correction: "member",
    member: /(?<member>response_format)/,
  },
];

export const KIMI: readonly Rule[] = [
  { cause: "account", status: 429, code: /^exceeded_current_quota_error$/ },
  { cause: "context_too_long", status: 400, message: /exceeded model token limit/i },
  { cause: "content_filter", status: 400, code: /^content_filter$/ },
];

export const CEREBRAS: readonly Rule[] = [
  {
    cause: "rate_limit",
    status: 429,
    code: /^(token_quota_exceeded|request_quota_exceeded|queue_exceeded)$/,
  },
];

export const OLLAMA: readonly Rule[] = [
  { cause: "model_unknown", status: 404, message: /try pulling it first|model ['"]?\S+['"]? not found/i },
  { cause: "correctable", status: 400, message: /does not support thinking/i, correction: "thinking_off" },
  { cause: "correctable", status: 400, message: /does not support (tools|chat|generate|insert)/i },
];
