/** Splices of a body that is relayed to an Ollama upstream. */
import { type Edit, insertMembers, removeMembers, replaceValue } from "../../base/json-edit.ts";
import { findMember, isString, scanObject } from "../../base/json-scan.ts";
import type { ConvertContext } from "../protocol.ts";

/** The model's name, and members this provider refused lately. Throws a Failure (400) when the body is no object. */
export function passThroughEdits(body: Buffer, context: ConvertContext): Edit[] {
  const scan = context.scan ?? scanObject(body, null);
  const name = JSON.stringify(context.model);
  const refused = scan.members.filter(
    (member) =>
      context.refused?.includes(member.name) === true &&
      member.name !== "model" &&
      member.name !== "messages",
  );
  const edits = removeMembers(refused);
  const model = findMember(scan, "model");
  if (model === undefined)
    edits.push(...insertMembers(scan, [{ name: "model", json: name }], refused.length));
  else if (!isString(body, model, context.model)) edits.push(replaceValue(model, name));
  return edits;
}
