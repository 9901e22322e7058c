/** The program's entry: one command of the command line. */
import { run } from "./cli/program.ts";

void run(process.argv.slice(2));
