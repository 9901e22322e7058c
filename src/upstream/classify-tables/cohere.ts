/** Cohere's wordings. */
import type { Rule } from "./rule.ts";

export const COHERE: readonly Rule[] = [
  { cause: "account", status: 429, message: /\/ month|per month|monthly/i },
  { cause: "context_too_long", status: 400, message: /too many tokens|cannot exceed \d+ *- *received/i },
  { cause: "credential", status: [400, 401, 498], message: /invalid (api )?token|no api key/i },
  {
    cause: "correctable",
    status: [400, 422],
    message: /parameter '[^']+' is not (a valid field|supported)|unknown field/i,
    correction: "member",
    member: /(?:parameter|unknown field:?) ['"]?(?<member>[\w.]{1,128})/i,
  },
];
