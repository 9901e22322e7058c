/** Looks at the schema itself: which keys a table has. For unknown keys, and for what a missing key may be. */
import type * as v from "valibot";

/** The part of valibot's schema objects that is read here. */
interface Node {
  readonly kind: string;
  readonly message?: unknown;
  readonly pipe?: readonly Node[];
  readonly wrapped?: Node;
  readonly entries?: Readonly<Record<string, Node>>;
  readonly value?: Node;
  readonly item?: Node;
}

export type Shape =
  | { readonly kind: "table"; readonly entries: Readonly<Record<string, Shape>> }
  | { readonly kind: "map"; readonly value: Shape }
  | { readonly kind: "list"; readonly item: Shape }
  | { readonly kind: "value"; readonly allowed: string };

/** The tables, maps and lists of a schema, without its rules. */
export function shapeOf(schema: v.GenericSchema): Shape {
  return read(schema as unknown as Node);
}

function read(node: Node): Shape {
  if (node.pipe !== undefined) {
    const shapes = node.pipe.filter((part) => part.kind === "schema").map(read);
    return shapes.find((shape) => shape.kind !== "value") ?? shapes[0] ?? { kind: "value", allowed: "" };
  }
  if (node.wrapped !== undefined) return read(node.wrapped);
  if (node.entries !== undefined) {
    const entries = Object.entries(node.entries).map(([key, entry]) => [key, read(entry)] as const);
    return { kind: "table", entries: Object.fromEntries(entries) };
  }
  if (node.item !== undefined) return { kind: "list", item: read(node.item) };
  if (typeof node.value === "object") return { kind: "map", value: read(node.value) };
  return { kind: "value", allowed: typeof node.message === "string" ? node.message : "" };
}
