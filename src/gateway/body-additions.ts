/** What the operator and the provider's kind add to a JSON body on its way out: extra members, billing labels, betas. */

import { type HeaderList, headerValue } from "../base/headers.ts";
import { applyEdits, type Edit, insertMembers, piecesOf, replaceValue } from "../base/json-edit.ts";
import { watchNames } from "../base/json-names.ts";
import { findMember, parseValue, scanObject } from "../base/json-scan.ts";
import { cloudBetas } from "../providers/claude-betas.ts";
import type { BodyBytes } from "../upstream/client.ts";
import type { Target } from "./target.ts";

/** Merges the provider's `extra_body` into a JSON body: its members win. */
export function mergeExtra(given: BodyBytes, target: Target): BodyBytes {
  const { extraBody } = target.provider;
  if (extraBody.length === 0) return given;
  const body = Buffer.concat(piecesOf(given));
  const scan = scanObject(body, watchNames(extraBody.map((member) => member.name)));
  const edits = scan.members.map((member) =>
    replaceValue(member, extraBody.find((extra) => extra.name === member.name)?.json ?? "null"),
  );
  const added = extraBody.filter((extra) => scan.members.every((member) => member.name !== extra.name));
  return applyEdits(body, [...edits, ...insertMembers(scan, added)]);
}

/** A chat's body with everything that is added for this target. `headers` are the caller's. */
export function completeChatBody(given: BodyBytes, target: Target, headers: HeaderList): BodyBytes {
  const { kind, facts, labels } = target.provider;
  if (kind.name !== "vertex_ai") return mergeExtra(given, target);
  const pieces = piecesOf(given);
  const claude = kind.speaks(facts, target.model).includes("anthropic");
  if (claude) return mergeExtra(addBetas(pieces, headerValue(headers, "anthropic-beta")), target);
  return mergeExtra(labels.length === 0 ? pieces : addLabels(pieces, labels), target);
}

const LABELS = watchNames(["labels"]);
const BETAS = watchNames(["anthropic_beta"]);

/** Vertex bills by `labels` (40-protocols.md 1.8); the operator's win over the caller's. */
function addLabels(pieces: readonly Uint8Array[], labels: readonly (readonly [string, string])[]): Buffer[] {
  const body = Buffer.concat(pieces);
  const scan = scanObject(body, LABELS);
  const member = findMember(scan, "labels");
  const given: unknown = member !== undefined && body[member.start] === 0x7b ? parseValue(body, member) : {};
  const json = JSON.stringify({ ...(given as object), ...Object.fromEntries(labels) });
  const edits: Edit[] =
    member === undefined ? insertMembers(scan, [{ name: "labels", json }]) : [replaceValue(member, json)];
  return applyEdits(body, edits);
}

/** Vertex reads betas from the body, not from a header. */
function addBetas(pieces: readonly Uint8Array[], header: string): readonly Uint8Array[] {
  const betas = cloudBetas(header, "vertex_ai");
  if (betas.length === 0) return pieces;
  const body = Buffer.concat(pieces);
  const scan = scanObject(body, BETAS);
  if (scan.members.length > 0) return [body];
  return applyEdits(body, insertMembers(scan, [{ name: "anthropic_beta", json: JSON.stringify(betas) }]));
}
