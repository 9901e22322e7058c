/** What a request needs of a target and what the target is known to lack: such targets come last, not first. */

/** Declared or from the catalog; undefined = unknown, which is taken as able. */
export interface TargetAbility {
  readonly maxContext?: number;
  readonly tools?: boolean;
  readonly images?: boolean;
  readonly jsonSchema?: boolean;
}

export interface RequestNeed {
  /** Estimated prompt tokens. */
  readonly promptTokens: number;
  readonly tools: boolean;
  readonly images: boolean;
  readonly jsonSchema: boolean;
}

/** Who may be asked at all. */
export interface Permission {
  /** The alias never leaves the LAN. */
  readonly privateOnly: boolean;
  /** Providers the caller may use; empty = all. */
  readonly providers: readonly string[];
}

/** The first thing the target lacks, for the route's reason; "" = nothing. */
export function missingAbility(ability: TargetAbility, need: RequestNeed): string {
  if (ability.maxContext !== undefined && ability.maxContext < need.promptTokens) return "context";
  if (need.tools && ability.tools === false) return "tools";
  if (need.images && ability.images === false) return "images";
  if (need.jsonSchema && ability.jsonSchema === false) return "json_schema";
  return "";
}

/** True for a target that this request may go to. What is not permitted is removed, not only put last. */
export function isPermitted(
  target: { readonly provider: string; readonly isPrivate: boolean },
  permission: Permission,
): boolean {
  if (permission.privateOnly && !target.isPrivate) return false;
  return permission.providers.length === 0 || permission.providers.includes(target.provider);
}

/** After `context_length_exceeded`: only a larger or unknown context is worth asking. */
export function hasLargerContext(ability: TargetAbility, than: TargetAbility): boolean {
  if (ability.maxContext === undefined) return true;
  return than.maxContext === undefined ? false : ability.maxContext > than.maxContext;
}
