/** The program's entry: memory settings before anything is compiled, then one command of the command line. */
import { setFlagsFromString } from "node:v8";

// Smaller heap and code for hardly any speed (80-performance.md, 5); it must come before the rest is loaded.
setFlagsFromString("--optimize-for-size");

void import("./cli/program.ts").then(({ run }) => run(process.argv.slice(2)));
