/** What V8 is told once the program listens. Not before: with a changed flag V8 takes Node's own modules no longer from their code cache, and collects garbage while everything is being loaded (30 ms). */
import { setFlagsFromString } from "node:v8";

/** `nodeMajor`: of the Node that runs us; a flag its V8 does not know is an error on stderr. */
export function settingsFor(nodeMajor: number): string[] {
  const settings = [
    // Smaller heap and code for hardly any speed.
    "--optimize-for-size",
    // What a request makes is dead soon, however long some of it lived while the program started: what V8 puts among the
    // old things from the beginning keeps all it refers to, and had to be collected five times a second under load.
    "--no-allocation-site-pretenuring",
  ];
  // Eight seconds after a burst V8 would collect all there is, down to the layouts of objects of which none lives just
  // then, and throw away the code compiled for them: the next burst took two to three times the CPU. `collectWhenIdle`
  // gives memory back, after a longer rest.
  if (nodeMajor >= 22) settings.push("--memory-reducer-gc-count=0");
  return settings;
}

export function applySettings(): void {
  for (const setting of settingsFor(Number.parseInt(process.versions.node, 10))) setFlagsFromString(setting);
}
