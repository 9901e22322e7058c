/** Replays a simulation: `npm run sim -- --seed N --steps M [--seeds K] [--verbose]`. */
import { simulate } from "./simulation.ts";

function option(name: string, standard: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? standard : Number(process.argv[at + 1]);
}

const first = option("seed", 1);
const steps = option("steps", 3000);
const count = option("seeds", 1);
const trace = process.argv.includes("--verbose")
  ? (line: string) => void process.stdout.write(`${line}\n`)
  : undefined;
for (let seed = first; seed < first + count; seed++) {
  try {
    process.stdout.write(`seed ${seed}: ${JSON.stringify(simulate(seed, steps, trace))}\n`);
  } catch (thrown) {
    const error = thrown as Error;
    process.stdout.write(`${error.message}\n${(error.cause as Error | undefined)?.stack ?? error.stack}\n`);
    process.exitCode = 1;
  }
}
