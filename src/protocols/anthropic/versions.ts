/** API versions of Anthropic's own endpoint and of the clouds that serve Claude (40-protocols 1.6, 1.8, 5). */

/** Members of the API that the clouds answer with a 400 (claude-code #21612, envoy ai-gateway #2512). */
const BETA_MEMBERS = [
  "context_management",
  "diagnostics",
  "container",
  "mcp_servers",
  "speed",
  "inference_geo",
];

/** Vertex wants the version in the body; elsewhere it is a header. "" = none. */
export function bodyVersion(providerKind: string): string {
  return providerKind === "vertex" ? "vertex-2023-10-16" : "";
}

/** Members that must not stand in a body for this kind of provider. Bedrock = its Mantle endpoint, the plain API. */
export function foreignMembers(providerKind: string): readonly string[] {
  if (providerKind === "vertex") return ["model", ...BETA_MEMBERS];
  return providerKind === "bedrock" ? BETA_MEMBERS : [];
}

/** The body as the provider's kind wants it. */
export function cloudMembers(body: Record<string, unknown>, providerKind: string): Record<string, unknown> {
  const foreign = foreignMembers(providerKind);
  if (foreign.length === 0) return body;
  const version = bodyVersion(providerKind);
  const out: Record<string, unknown> = version === "" ? { ...body } : { anthropic_version: version, ...body };
  for (const name of foreign) delete out[name];
  return out;
}
