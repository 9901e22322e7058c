/** Which conversation a request belongs to: what implicit stickiness remembers a target for. */
import { createHash } from "node:crypto";

/** Already read out of the request; "" = absent. */
export interface SessionFacts {
  readonly alias: string;
  /** Identity of the caller: two callers never share a session. */
  readonly caller: string;
  readonly sessionHeader: string;
  readonly promptCacheKey: string;
  /** `metadata.user_id` as it came. */
  readonly userId: string;
  readonly system: string;
  readonly firstUserTurn: string;
}

/** Of long texts only so much is hashed, with the length: enough to tell conversations apart, cheap on a router. */
const HASHED_CHARS = 4096;

/** A short key, or "" when the request holds nothing to tell a conversation by. */
export function sessionKey(facts: SessionFacts): string {
  const given = facts.sessionHeader || facts.promptCacheKey || sessionOfUserId(facts.userId);
  if (given === "" && facts.system === "" && facts.firstUserTurn === "") return "";
  const hash = createHash("sha256");
  const add = (text: string) => hash.update(`${text.length}:${text.slice(0, HASHED_CHARS)};`);
  add(facts.alias);
  add(facts.caller);
  if (given !== "") add(given);
  else {
    hash.update("text;");
    add(facts.system);
    add(facts.firstUserTurn);
  }
  return hash.digest("base64url").slice(0, 22);
}

/**
 * The session inside `metadata.user_id`: Claude Code writes a JSON object with `session_id`, earlier versions
 * `user_…_account_…_session_<uuid>`. "" when there is none.
 */
export function sessionOfUserId(userId: string): string {
  if (userId.length > 2048) return "";
  const found =
    /"session_id"\s*:\s*"([^"\\]{1,256})"/.exec(userId) ?? /_session_([\w-]{8,256})$/.exec(userId);
  return found?.[1] ?? "";
}
