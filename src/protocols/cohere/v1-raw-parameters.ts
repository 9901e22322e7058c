/** Takes the calls' `parameters` out of a line as the text they came in: 64-bit integers survive. */
import { watchNames } from "../../base/json-names.ts";
import { findMember, scanArray, scanObject } from "../../base/json-scan.ts";

const LINE = watchNames(["tool_calls", "response"]);
const CALL = watchNames(["parameters"]);

/** JSON texts of the parameters, one for each call (undefined where it has none); null when the line is an odd one. */
export function argumentsOfCalls(data: string): (string | undefined)[] | null {
  const bytes = Buffer.from(data);
  try {
    let scan = scanObject(bytes, LINE);
    const response = findMember(scan, "response");
    if (findMember(scan, "tool_calls") === undefined && response !== undefined)
      scan = scanObject(bytes, LINE, response.start, response.end);
    const calls = findMember(scan, "tool_calls");
    if (calls === undefined) return null;
    return scanArray(bytes, calls.start, calls.end).map((call) => {
      const parameters = findMember(scanObject(bytes, CALL, call.start, call.end), "parameters");
      return parameters === undefined ? undefined : bytes.toString("utf8", parameters.start, parameters.end);
    });
  } catch {
    // Odd but parsable (a member twice): the parsed value serves instead.
    return null;
  }
}
