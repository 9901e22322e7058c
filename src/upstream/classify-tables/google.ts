/** Google's wordings: Gemini by API key, and Vertex by service account. */
import type { Rule } from "./rule.ts";

export const GOOGLE: readonly Rule[] = [
  // No free tier for this model: waiting does not help.
  { cause: "account", status: 429, message: /\blimit: 0\b/i },
  // Google words every rate limit as a used-up quota with "check your plan and billing details".
  { cause: "rate_limit", status: 429 },
  { cause: "credential", status: 400, message: /api key not valid|api key expired|api_key_invalid/i },
  {
    cause: "account",
    status: [400, 403],
    message:
      /user location is not supported|has been suspended|billing|has not been used in project|service_disabled|is disabled/i,
  },
  {
    cause: "credential",
    status: 403,
    message: /permission|reported as leaked|consumer|caller does not have/i,
  },
  {
    cause: "model_unknown",
    status: [400, 404],
    message: /models?\/\S+ is not (found|supported)|publisher model|is not supported for \w+content/i,
  },
  {
    cause: "context_too_long",
    status: 400,
    message: /input token count|exceeds the maximum number of tokens/i,
  },
  { cause: "correctable", status: 400, message: /thought[_ ]?signature/i, correction: "thinking_history" },
  {
    cause: "correctable",
    status: 400,
    message:
      /thinking (budget|level)|only works in thinking mode|thinking is not (supported|enabled)|thinking_?(config|level|budget)/i,
    correction: "thinking_off",
  },
  {
    cause: "correctable",
    status: 400,
    message: /unknown name "/i,
    correction: "member",
    member: /unknown name "(?<member>[^"]{1,128})"(?: at '(?<place>[^']{1,128})')?/i,
  },
  {
    cause: "content_filter",
    status: 400,
    message: /prohibited content|violat\w+ [^.]{0,60}polic|blocked by safety/i,
  },
];
