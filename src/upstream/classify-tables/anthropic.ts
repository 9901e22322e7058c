/** Anthropic's wordings, and Bedrock's, which serves the same models with AWS's exceptions around them. */
import type { Rule } from "./rule.ts";

export const ANTHROPIC: readonly Rule[] = [
  {
    cause: "quota_too_small",
    status: 429,
    message: /long context (beta|requests?)|extra usage is required/i,
  },
  { cause: "content_filter", status: 400, message: /output blocked by content filtering policy/i },
  {
    cause: "context_too_long",
    status: [400, 413],
    message: /prompt is too long|input length and `?max_tokens`? exceed/i,
  },
  {
    cause: "correctable",
    status: 400,
    message: /max_tokens`? must be greater than `?thinking\.budget_tokens/i,
    correction: "thinking_off",
  },
  {
    cause: "correctable",
    status: 400,
    message:
      /thinking`? (blocks?|or `?redacted_thinking)|in `thinking` block|must start with a thinking block/i,
    correction: "thinking_history",
  },
  {
    cause: "correctable",
    status: 400,
    message: /`?temperature`? and `?top_p`? cannot both/i,
    correction: "member",
    member: /(?<member>top_p)/,
  },
  {
    cause: "correctable",
    status: 400,
    message: /`?(temperature|top_p|top_k)`? (may only be|must be unset|is deprecated)/i,
    correction: "member",
    member: /(?<member>temperature|top_p|top_k)/,
  },
  { cause: "credential", status: 403, code: /^permission_error$/ },
];

export const BEDROCK: readonly Rule[] = [
  { cause: "server_error", status: 424 },
  {
    cause: "server_error",
    code: /^(modeltimeoutexception|modelerrorexception|internalserverexception|serviceunavailableexception|modelnotreadyexception)$/,
  },
  { cause: "rate_limit", code: /^throttlingexception$/ },
  { cause: "account", code: /^servicequotaexceededexception$/ },
  {
    cause: "credential",
    code: /^(unrecognizedclientexception|invalidsignatureexception|expiredtokenexception|missingauthenticationtokenexception|accessdeniedexception|incompletesignature)$/,
  },
  {
    cause: "model_unknown",
    status: [400, 404],
    message:
      /model identifier is invalid|marked by provider as legacy|on-demand throughput isn.t supported|end of its life/i,
  },
  { cause: "model_unknown", code: /^resourcenotfoundexception$/ },
];
