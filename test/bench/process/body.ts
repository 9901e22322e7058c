/** The yardsticks' body: collected with room in front, the model's value replaced in place (80-performance.md 3). */
import { watchNames } from "../../../src/base/json-names.ts";
import { scanObject } from "../../../src/base/json-scan.ts";
import type { Request, Response } from "./native.ts";

const HEADROOM = 64;
const MODEL = watchNames(["model"]);
const NAME = Buffer.from('"gpt-4o-mini"');

/** Calls `done` with the body, its model replaced, once it is whole. */
export function readBody(request: Request, response: Response, done: (body: Buffer) => void): void {
  const length = Number(request.getHeader("content-length"));
  const buffer = Buffer.allocUnsafe(HEADROOM + length);
  let end = HEADROOM;
  response.onData((data, last) => {
    const bytes = Buffer.from(data);
    bytes.copy(buffer, end);
    end += bytes.length;
    if (last) done(replaceModel(buffer, end));
  });
}

function replaceModel(buffer: Buffer, end: number): Buffer {
  const [model] = scanObject(buffer, MODEL, HEADROOM, end).members;
  if (model === undefined) throw new Error("no model");
  const shift = model.end - model.start - NAME.length;
  buffer.copyWithin(HEADROOM + shift, HEADROOM, model.start);
  NAME.copy(buffer, model.start + shift);
  return buffer.subarray(HEADROOM + shift, end);
}
