/** `sluice init`: writes the commented configuration, asks nothing, overwrites nothing. */
import { writeFileSync } from "node:fs";
import { INIT_TEMPLATE } from "../config/init-template.ts";
import { Exit, FAILED, reasonOf } from "./exit.ts";
import { print } from "./terminal.ts";

export function init(path: string): void {
  try {
    // Keys may be written into it: nobody else's to read. `wx` also refuses a symbolic link.
    writeFileSync(path, INIT_TEMPLATE, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST")
      throw new Exit(FAILED, `${path}: exists already and is not overwritten`);
    throw new Exit(FAILED, `${path}: cannot be written: ${reasonOf(error)}`);
  }
  print(`wrote ${path}; next: sluice validate -c ${path}, sluice serve -c ${path}`);
}
