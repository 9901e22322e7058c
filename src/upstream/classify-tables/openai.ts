/** OpenAI's own wordings, and Azure's, which are OpenAI's with additions. */
import type { Rule } from "./rule.ts";

export const OPENAI: readonly Rule[] = [
  { cause: "account", status: 429, message: /exceeded your current quota, please check your plan/i },
  {
    cause: "account",
    status: [401, 403],
    code: /^(ip_not_authorized|organization_restricted|account_deactivated)$/,
  },
  {
    cause: "model_unknown",
    status: [400, 404],
    message: /not supported in the v1\/\S+ endpoint|only supported in v1\//i,
  },
];

export const AZURE: readonly Rule[] = [
  // The resource sits behind a virtual network that we are not in: about us, not about the request.
  { cause: "credential", status: 403, message: /virtual network|firewall rules|public access is disabled/i },
  { cause: "model_unknown", status: 404, code: /^(deploymentnotfound|404|resourcenotfound)$/ },
  {
    cause: "model_unknown",
    status: [400, 404],
    code: /^(operationnotsupported|unavailable_model|unknown_model)$/,
  },
  {
    cause: "content_filter",
    status: 400,
    message: /triggering azure openai's content management policy|responsibleaipolicyviolation/i,
  },
];
