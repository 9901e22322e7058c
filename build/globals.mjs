// What the bundle takes from its modules instead of the global object, where each is an accessor that every use calls.
export { Buffer } from "node:buffer";
export { performance } from "node:perf_hooks";
