/** Ids that only the provider that issued them knows: noted from answers, and looked up for requests that name one (40-protocols.md 1.8). */
import { badRequest } from "../base/failure.ts";
import { watchNames } from "../base/json-names.ts";
import { findMember, isString, type Member, parseValue, scanObject } from "../base/json-scan.ts";
import type { ProtocolName } from "../protocols/protocol.ts";
import type { Core } from "./core.ts";
import type { RequestRecord } from "./record.ts";
import type { RequestFacts } from "./request-facts.ts";
import type { Target } from "./target.ts";

/** Members of a request that name such an id, or hold an object with one. */
const NAMING: Readonly<Partial<Record<ProtocolName, readonly string[]>>> = {
  "openai-responses": ["previous_response_id", "conversation"],
  anthropic: ["container"],
  gemini: ["cachedContent"],
};

/** Members of an answer that tell one. */
const TELLING: Readonly<Partial<Record<ProtocolName, ReturnType<typeof watchNames>>>> = {
  "openai-responses": watchNames(["id", "conversation"]),
  anthropic: watchNames(["container"]),
};

const ID = watchNames(["id"]);

/** Notes the ids of a whole answer. An answer that cannot be read names none. */
export function noteIds(core: Core, record: RequestRecord, body: Buffer, target: Target): void {
  const watched = TELLING[record.protocol];
  if (watched === undefined) return;
  try {
    for (const member of scanObject(body, watched).members)
      noteId(core, record, readId(body, member), target);
  } catch {
    return; // spelled twice or not JSON: relayed as it is, remembered as nothing
  }
}

export function noteId(core: Core, record: RequestRecord, id: string, target: Target): void {
  core.idPins.note(ownerOf(record), id, target.label, core.time.clock.now());
}

/** Whose ids are whose: a key's, or an anonymous peer's. */
export function ownerOf({ caller }: RequestRecord): string {
  return caller === null ? "" : `${caller.kind}:${caller.id}`;
}

/**
 * Index of the target a request is pinned to by an id it names; -1 = by none. An issuer that is not known (any more)
 * is taken to be the first target that speaks the caller's protocol. Throws Failure 400 when there is none.
 */
export function pinnedTarget(
  core: Core,
  record: RequestRecord,
  body: Buffer,
  facts: RequestFacts,
  targets: readonly Target[],
): number {
  const { protocol } = record;
  const naming = NAMING[protocol];
  if (naming === undefined) return -1;
  for (const name of naming) {
    const member = findMember(facts.scan, name);
    const id = member === undefined ? "" : readId(body, member);
    if (id === "") continue;
    const issuer = core.idPins.issuer(ownerOf(record), id, core.time.clock.now());
    const known = issuer === undefined ? -1 : indexOfIssuer(targets, issuer);
    if (known >= 0) return known;
    const native = targets.findIndex(({ provider, model }) =>
      provider.kind.speaks(provider.facts, model).includes(protocol),
    );
    if (native >= 0) return native;
    throw badRequest(
      `${name} names something that only its provider knows, and no target of this model speaks that provider's protocol`,
      "unsupported_parameter",
      name,
    );
  }
  return -1;
}

/** The very target, else another model of the same provider: the state is the account's. */
function indexOfIssuer(targets: readonly Target[], label: string): number {
  const same = targets.findIndex((target) => target.label === label);
  if (same >= 0) return same;
  const provider = label.slice(0, label.indexOf("/"));
  return targets.findIndex((target) => target.provider.name === provider);
}

function readId(body: Buffer, member: Member): string {
  if (body[member.start] === 0x22) {
    return isString(body, member, "") ? "" : String(parseValue(body, member));
  }
  if (body[member.start] !== 0x7b) return "";
  const inner = findMember(scanObject(body, ID, member.start, member.end), "id");
  return inner === undefined || body[inner.start] !== 0x22 ? "" : String(parseValue(body, inner));
}
