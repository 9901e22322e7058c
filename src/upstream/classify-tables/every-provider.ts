/** Wordings and statuses that mean the same at every provider; searched after a provider's own table. */
import type { Rule } from "./rule.ts";

/** Codes and wordings; OpenAI's, which most servers copy, among them. */
export const COMMON: readonly Rule[] = [
  // Context: the statuses some servers use for it are no failures of theirs.
  {
    cause: "context_too_long",
    status: [400, 413, 422, 500, 0],
    code: /^(context_length_exceeded|exceed_context_size_error|context_window_exceeded|string_above_max_context)$/,
  },
  {
    cause: "context_too_long",
    status: [400, 413, 422, 500, 0],
    message:
      /maximum context length|context length exceeded|exceeds? the (available )?context (size|window|length)|exceed context limit|prompt is too long|maximum prompt length|exceeds the maximum number of tokens|too many tokens:|exceeded model token limit|reduce the length of the messages|input is too long for requested model|too large for model with \d+ maximum context|input length exceeds|context the overflows/i,
  },
  {
    cause: "quota_too_small",
    status: [413, 429],
    message:
      /request too large for (model )?\S.*(per (min|minute|day|hour)\b|TPM|ITPM|limit)|input or output tokens must be reduced/i,
  },
  {
    cause: "account",
    code: /^(insufficient_quota|billing_not_active|billing_hard_limit_reached|billing_error|insufficient_balance|insufficient_credits|account_deactivated|unsupported_country_region_territory|payment_required)$/,
  },
  {
    cause: "account",
    status: [400, 402, 403, 429, 0],
    message:
      /credit balance is too low|insufficient (balance|credits?|funds)|account is not active|used all available credits|monthly spending limit|(country|region|location|territory)[^.]{0,40} not supported/i,
  },
  {
    cause: "content_filter",
    code: /^(content_filter|content_policy_violation|moderation_blocked|invalid_prompt|content_blocked|responsibleaipolicyviolation)$/,
  },
  {
    cause: "content_filter",
    status: [400, 422, 451, 0],
    message:
      /content (management|filtering|usage) policy|rejected as a result of our safety system|flagged as potentially violating|content exists risk|considered high risk|blocked (by|due to) [^.]{0,40}(safety|policy|filter)/i,
  },
  {
    cause: "credential",
    code: /^(invalid_api_key|api_key_invalid|wrong_api_key|authentication_error|unauthenticated)$/,
  },
  {
    cause: "credential",
    status: [400, 403, 0],
    message:
      /(incorrect|invalid|missing|expired|unknown) api[ _-]?key|api[ _-]?key (not valid|expired|is invalid|not found)/i,
  },
  {
    cause: "model_unknown",
    code: /^(model_not_found|model_decommissioned|invalid_model|model_not_supported|deploymentnotfound|unsupported_model|model_not_available|unknown_model)$/,
  },
  {
    cause: "model_unknown",
    status: [400, 403, 404, 422, 0],
    message:
      /\bmodels? [`'"“]?[^`'"”\s]+[`'"”]?( was| is)? not (found|exist|available)|model [`'"]?[^`'"\s]+[`'"]? (does not exist|has been (deprecated|decommissioned|retired))|not a valid model( id)?\b|invalid model(:| id| name)|not a chat model|does not have access to model|^model: \S+$|^invalid url \(/i,
  },
  {
    cause: "correctable",
    status: [400, 404, 422],
    code: /^(invalid_encrypted_content|thinking_signature_invalid|invalid_thinking_signature)$/,
    correction: "thinking_history",
  },
  {
    cause: "correctable",
    status: [400, 404, 422],
    message:
      /\bsignature\b|thought_?signature|encrypted content|redacted_thinking|expected [`'"]?thinking|without its required '?reasoning'?|'?reasoning'? was provided without|item with id 'rs_/i,
    correction: "thinking_history",
  },
  {
    cause: "id_unknown",
    status: [400, 404],
    code: /^(previous_response_not_found|response_not_found|file_not_found|item_not_found)$/,
  },
  {
    cause: "id_unknown",
    status: 404,
    message: /\b(response|item|file|conversation|container|batch)\b[^.]{0,80}\bnot found/i,
  },
  {
    cause: "correctable",
    status: [400, 422],
    message: /reasoning_content|thinking is enabled but|thinking mode must be passed/i,
    correction: "thinking_off",
  },
  {
    cause: "correctable",
    status: [400, 422],
    message:
      /thinking\.(type|budget)|does not support (thinking|reasoning)|(thinking|reasoning) (is|are) not supported|thinking budget|adaptive thinking|thinking: extra inputs/i,
    correction: "thinking_off",
  },
  {
    cause: "correctable",
    status: [400, 422],
    code: /^(unsupported_parameter|unknown_parameter|unsupported_value|extra_forbidden|unrecognized_argument|wrong_api_format)$/,
    correction: "member",
    member: /['"`](?<member>[\w.[\]-]{1,128})['"`]/,
  },
  {
    cause: "correctable",
    status: [400, 422],
    message:
      /unsupported parameter|unknown parameter|unrecognized (request )?argument|unknown (field|argument|name)|unexpected (keyword|argument|field)|unsupported value/i,
    correction: "member",
    member:
      /(?:parameters?|arguments?|fields?|name|value)(?: supplied)?\b:?\s*(?:parameter\s+)?['"`]?(?<member>[\w.[\]-]{1,128})['"`]?(?: at ['"`](?<place>[\w.[\]]{1,128})['"`])?/i,
  },
  {
    cause: "correctable",
    status: [400, 422],
    message: /extra inputs are not permitted/i,
    correction: "member",
    member: /(?:^|[\s(:])(?:body\.)?(?<member>[A-Za-z_][\w.[\]-]{0,127}): extra inputs are not permitted/i,
  },
  {
    cause: "correctable",
    status: [400, 422],
    message: /property ['"`]?[\w.[\]-]{1,128}['"`]? is (unsupported|not supported|not allowed)/i,
    correction: "member",
    member: /(?:'(?<place>[\w.[\]-]{1,128})' ?: )?property ['"`]?(?<member>[\w.[\]-]{1,128})['"`]? is/i,
  },
  {
    cause: "correctable",
    status: [400, 422],
    message:
      /['"`][\w.[\]-]{1,128}['"`]:? (is|are) (not supported|unsupported|not permitted|not allowed|deprecated)/i,
    correction: "member",
    member: /['"`](?<member>[\w.[\]-]{1,128})['"`]:? (?:is|are) /i,
  },
  // It cannot do what the request needs; another target may. Nothing to leave out.
  {
    cause: "correctable",
    status: [400, 404, 422],
    message: /does not support (tools|images?|vision|function)|no endpoints found that support/i,
  },
];

/** What a status means when no wording said more. */
export const BY_STATUS: readonly Rule[] = [
  { cause: "credential", status: [401, 498] },
  { cause: "account", status: 402 },
  {
    cause: "credential",
    status: 403,
    message:
      /\b(api[ _-]?)?key\b|permission|not authorized|unauthorized|access (is )?denied|credential|not have access|\btoken\b/i,
  },
  {
    cause: "credential",
    status: 403,
    code: /^(permission_denied|permission_error|access_denied|accessdenied|unauthorized)$/,
  },
  { cause: "refused", status: 403 },
  { cause: "model_unknown", status: 404, recognised: false, idInPath: false },
  { cause: "id_unknown", status: 404 },
  { cause: "server_error", status: [408, 409] },
  { cause: "rate_limit", status: 429 },
  // In-band errors carry a code but often no status.
  {
    cause: "rate_limit",
    status: 0,
    code: /^(rate_limit_exceeded|rate_limit_error|too_many_requests|resource_exhausted|throttlingexception)$/,
  },
];
